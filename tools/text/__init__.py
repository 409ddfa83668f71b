"""Kernels over text: normalise, n-grams, MinHash signatures, clusters."""
