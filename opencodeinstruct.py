"""OpenCodeInstruct: load the dataset, or any subset of it, with the `datasets` library."""

from pathlib import Path

_here = Path(__file__).resolve().parent
# In a wheel the subpackages lie in a folder beside this file, in a checkout next to it.
__path__ = [str(_here / __name__ if (_here / __name__).is_dir() else _here)]
