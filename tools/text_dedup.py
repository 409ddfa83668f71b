"""The package text-dedup as the engine of the stage `dedup`: an extra, run in processes of its own.

It groups texts whose signatures share a band and measures none of them, and it keeps one row of a
group whatever the others are like. What it drops here is what it says; the evidence has no figure.
"""

import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from opencodeinstruct.builder.errors import Missing, ProjectError
from opencodeinstruct.tools.outcome import Verdicts
from opencodeinstruct.tools.stages.dedup import DedupSettings, verdicts_of_clusters

_CLUSTERS = """
import pickle, sys
import pyarrow as pa, pyarrow.parquet as pq
with open(sys.argv[1], "rb") as file:
    found = pickle.load(file)
rows = sorted(found.parent)
pq.write_table(pa.table({"row": pa.array(rows, pa.int64()),
    "cluster": pa.array([found.find(row) for row in rows], pa.int64())}), sys.argv[2])
"""
"""A program that writes the clusters, which the package leaves as a pickle of its own class."""


def text_dedup_clusters(
    texts: pa.Array, *, ngram: int, num_perm: int, threshold: float, python: str = sys.executable
) -> dict[int, int]:
    """By row, the number of its cluster, as `text_dedup.minhash` finds them; rows alone are absent.

    `python` is an interpreter that has text-dedup 0.4.0.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "texts.parquet", Path(folder) / "out"
        pq.write_table(pa.table({"text": texts.cast(pa.string())}), source)
        options = {
            "path": "parquet",
            "data_files": source,
            "split": "train",
            "cache_dir": Path(folder) / "cache",
            "output": out,
            "column": "text",
            "ngram": ngram,
            "num_perm": num_perm,
            "threshold": threshold,
            "min_length": 0,
            "num_proc": 1,
        }
        given = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        _run([python, "-m", "text_dedup.minhash", *given, "--debug"], folder)
        clusters = Path(folder) / "clusters.parquet"
        _run([python, "-c", _CLUSTERS, str(out / "uf.pkl"), str(clusters)], folder)
        found = pq.read_table(clusters)
    return dict(zip(found["row"].to_pylist(), found["cluster"].to_pylist(), strict=True))


def _run(command: list[str], folder: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise ProjectError(
            f"text-dedup failed ({lines[-1] if lines else 'it said nothing'}). Set `engine: ours` "
            "in the recipe, or correct its installation."
        )


def dedup_by_text_dedup(table: pa.Table, settings: DedupSettings) -> Verdicts:
    """`dedup` with the clusters of text-dedup; of each the first row by the recipe's rule stays."""
    try:
        version("text-dedup")
    except PackageNotFoundError:
        raise Missing(
            "dedup.engine: text-dedup is not installed. Run: pip install "
            "'opencodeinstruct[text-dedup]', or set `engine: ours`."
        ) from None
    if settings.against is not None:
        raise ProjectError("dedup.against: only `engine: ours` compares with another dataset.")
    column = table.column(settings.column).combine_chunks()
    clusters = text_dedup_clusters(
        pc.fill_null(column, ""),
        ngram=settings.ngram_words,
        num_perm=settings.permutations,
        threshold=settings.threshold,
    )
    present = column.is_valid().to_pylist()
    own = [clusters.get(row, -1) if here else -1 for row, here in enumerate(present)]
    return verdicts_of_clusters(table, own, settings)
