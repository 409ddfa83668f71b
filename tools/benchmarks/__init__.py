"""Loaders of the benchmark texts that a dataset must not hold."""
