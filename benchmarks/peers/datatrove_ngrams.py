"""datatrove's n-gram filter, run by the Python that has it.

python datatrove_ngrams.py ROWS.parquet ITEMS.jsonl OUT_DIR answers|all

A line of ITEMS has `prompt` and `solution`. OUT_DIR/flagged.txt then holds the numbers of the rows
that the filter removes. `answers` is its default: runs of 12 words of the solution, or over the
seam of prompt and solution; `all` adds those of the prompt.
"""

import json
import sys
from pathlib import Path

import numpy as np
from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.decont import NGramsDecontConfig, NGramsDecontFilter, NGramsDecontIndexer
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import JsonlWriter


def build_index(items: Path, index: Path, config: NGramsDecontConfig) -> None:
    """Write the index that the filter loads.

    The indexer's own run asks for lighteval, which its hashes do not need: they are its, and are
    written as it writes them.
    """
    indexer = object.__new__(NGramsDecontIndexer)  # its __new__ is what asks for lighteval
    indexer.__init__(str(index), config=config)
    hashes: set[int] = set()
    for line in items.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        hashes.update(indexer.compute_hashes(item["solution"], item["prompt"]))
    array = np.array(list(hashes), dtype=config.hash_config.np_descr)
    array.tofile(index / "humaneval.index.hashes")


def main() -> None:
    rows, items, out, what = sys.argv[1:]
    config = NGramsDecontConfig(find_query_ngrams=what == "all")
    index, removed = Path(out, "index"), Path(out, "removed")
    index.mkdir(parents=True)
    build_index(Path(items), index, config)
    source = Path(rows)
    reader = ParquetReader(str(source.parent), glob_pattern=source.name, text_key="text")
    writer = JsonlWriter(str(removed), compression=None)
    pipeline = [reader, NGramsDecontFilter(str(index), config, writer)]
    LocalPipelineExecutor(pipeline, tasks=1, logging_dir=str(Path(out, "log"))).run()
    with Path(out, "flagged.txt").open("w", encoding="utf-8") as numbers:
        for path in sorted(removed.rglob("*.jsonl")):
            for line in path.read_text(encoding="utf-8").splitlines():
                numbers.write(json.loads(line)["id"].rpartition("/")[2] + "\n")


if __name__ == "__main__":
    main()
