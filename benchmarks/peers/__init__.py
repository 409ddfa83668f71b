"""Ways to run a program and its tests, one module each, all to the same call; see `harness.py`."""
