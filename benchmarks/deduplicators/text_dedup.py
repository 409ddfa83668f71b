"""text-dedup 0.4.0: its command `text_dedup.minhash`, and the clusters that it leaves."""

import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

OPTIONS = ["--path", "parquet", "--split", "train", "--column", "text", "--debug"]
OPTIONS += ["--threshold", "0.7", "--num_perm", "128", "--ngram", "5", "--min_length", "0"]


def main(source: str, out: str) -> None:
    """Write the groups of `source` to `out`."""
    with tempfile.TemporaryDirectory() as folder:
        places = ["--data_files", source, "--output", f"{folder}/out", "--cache_dir", folder]
        workers = ["--num_proc", str(len(os.sched_getaffinity(0)))]
        command = [sys.executable, "-m", "text_dedup.minhash", *OPTIONS, *places, *workers]
        subprocess.run(command, check=True, cwd=folder)
        sys.path = [place for place in sys.path if not place.endswith("deduplicators")]
        found = pickle.loads((Path(folder) / "out" / "uf.pkl").read_bytes())
    rows = sorted(found.parent)
    pq.write_table(pa.table({"row": rows, "group": [found.find(row) for row in rows]}), out)


if __name__ == "__main__":
    main(*sys.argv[1:])
