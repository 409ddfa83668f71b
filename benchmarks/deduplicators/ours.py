"""Ours, as the command `dedup` does it: verified, written as Parquet."""

import shutil
import sys
from pathlib import Path

from opencodeinstruct.tools.dedup_file import DedupJob, dedup_file


def main(source: str, out: str, *words: str) -> None:
    """Write the groups of `source` to `out`; with the word `code`, by tokens of code."""
    folder = Path(out).with_suffix("")
    job = DedupJob(Path(source), "text", folder, plain_words="code" not in words)
    dedup_file(job, lambda what, done: None)
    shutil.move(folder / "groups.parquet", out)


if __name__ == "__main__":
    main(*sys.argv[1:])
