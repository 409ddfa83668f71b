"""Measurements: one script for each, run from a checkout; docs/performance.md says how to."""
