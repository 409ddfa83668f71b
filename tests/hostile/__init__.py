"""Hostile programs, one attack each, by theme; `tests/test_hostile.py` runs them."""
