"""How fast and how right finding duplicates is, beside others on the same documents.

Run it from a checkout: `python benchmarks/dedup.py --help`. Ours runs in this environment; each
peer in its own, named by `--peer-python NAME=PYTHON`; what is not named is left out. Every method
is a process of its own, from Parquet to Parquet: CPU seconds of it and all its children, and the
peak memory of its largest process. Truth is every pair of Jaccard 0.7 and more, without a sketch.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow.parquet as pq
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.dedup_corpus import Truth, exact_pairs, write_corpus
from benchmarks.machine import machine_facts
from benchmarks.tables import stdout_console
from benchmarks.whole_process import Cost, cost_of
from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.builder.files import write_json
from opencodeinstruct.tools.endings import as_process
from opencodeinstruct.tools.text.survivors import groups

HERE = Path(__file__).resolve().parent
PEERS = ("text_dedup", "rensa", "datasketch", "datatrove")
HELD = {"text_dedup": 50.0, "rensa": 4.0}
WIDTH = 120
SHORT = 60.0  # seconds: what takes longer is run once

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Measured:
    """One method on the corpus.

    `precision`: of all pairs of rows in one group, the share that chains of true pairs link.
    `found_high` and `found_low`: of the true pairs of 0.8 and more, and of 0.7 to 0.8, the share in
    one group.
    """

    name: str
    cost: Cost
    precision: float
    found_high: float
    found_low: float


@dataclass(frozen=True, slots=True)
class Scale:
    """Ours on more documents."""

    documents: int
    bytes: int
    cost: Cost


@dataclass(slots=True)
class Found:
    """Everything that was measured."""

    facts: dict[str, object]
    documents: int
    bytes: int
    true_pairs: int
    methods: list[Measured] = field(default_factory=list)
    scales: list[Scale] = field(default_factory=list)


def run_method(python: str, name: str, source: Path, out: Path, *words: str) -> Cost:
    """Run the program `name` of `deduplicators`; a `ProjectError` if it fails."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)} if name == "ours" else None
    program = [str(HERE / "deduplicators" / f"{name}.py"), str(source), str(out), *words]
    return cost_of(name, [python, *program], out.with_suffix(".log"), environment)


def _pairs(labels: NDArray[np.int64]) -> int:
    _, counts = np.unique(labels, return_counts=True)
    return int((counts * (counts - 1) // 2).sum())


def judge(name: str, cost: Cost, out: Path, rows: int, truth: Truth) -> Measured:
    """How right the groups in `out` are."""
    table = pq.read_table(out)
    group = -1 - np.arange(rows)
    group[table["row"].to_numpy()] = table["group"].to_numpy()
    linked = groups(truth.first, truth.second, np.arange(rows))
    _, both = np.unique(np.stack([group, linked]), axis=1, return_inverse=True)
    same = group[truth.first] == group[truth.second]
    high = truth.similarity >= 0.8
    return Measured(
        name,
        cost,
        _pairs(both) / max(_pairs(group), 1),
        float(same[high].mean()) if high.any() else 1.0,
        float(same[~high].mean()) if (~high).any() else 1.0,
    )


def _again(costs: list[Cost] | None) -> bool:
    """Whether a method that took so long is run once more; None is one that was left out."""
    return costs is not None and all(cost.wall < SHORT for cost in costs)


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
        max(cost.peak for cost in costs),
    )


def _peers(given: Sequence[str]) -> dict[str, str]:
    peers = dict(one.partition("=")[::2] for one in given)
    for name, python in peers.items():
        if name not in PEERS or not Path(python).is_file():
            raise typer.BadParameter(
                f"{name}={python}: give one of {', '.join(PEERS)}, and a Python that is there",
                param_hint="--peer-python",
            )
    return peers


def _counts(value: str) -> list[int]:
    parts = [part for part in value.split(",") if part.strip()]
    if not all(part.strip().isdecimal() for part in parts):
        raise typer.BadParameter("give numbers, as in 100000,1000000", param_hint="--scale")
    return [int(part) for part in parts]


@app.command()
def dedup(
    json: Annotated[Path | None, typer.Option(help="Write every figure to this file.")] = None,
    documents: Annotated[int, typer.Option(min=10, help="Documents of the comparison.")] = 150_000,
    peer_python: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PYTHON", help=f"A peer ({', '.join(PEERS)}) and its Python."),
    ] = None,
    scale: Annotated[
        str, typer.Option(help="Also run ours on so many documents; several after commas.")
    ] = "100000,1000000,5000000",
    seed: Annotated[int, typer.Option(help="Of the documents.")] = 0,
    rounds: Annotated[
        int, typer.Option(min=1, help="Runs of each that takes no minute, in turns; medians count.")
    ] = 5,
) -> None:
    """Compare ours with its peers in speed, memory and rightness, and print the tables."""
    console = stdout_console(WIDTH)
    peers, counts = _peers(peer_python or ()), _counts(scale)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = folder / "corpus.parquet"
        size = write_corpus(corpus, documents, seed)
        truth = exact_pairs(corpus)
        found = Found(machine_facts(), documents, size, len(truth.first))
        ours = [("ours", "ours"), ("ours", "ours", "code")]
        run_method(sys.executable, "ours", corpus, folder / "warm.parquet")  # compiles, once
        methods = [*ours, *((peer, peer) for peer in peers)]
        costs: dict[tuple[str, ...], list[Cost]] = {method: [] for method in methods}
        for _ in range(rounds):
            for method in [one for one in methods if _again(costs.get(one))]:
                out = folder / f"{'-'.join(method)}.parquet"
                python = peers.get(method[0], sys.executable)
                try:
                    costs[method].append(run_method(python, method[0], corpus, out, *method[2:]))
                except ProjectError as error:
                    said = f"left out: {error}"
                    console.print(said, highlight=False, markup=False, soft_wrap=True)
                    del costs[method]
        for method, each in costs.items():
            label = "ours, tokens of code" if "code" in method else method[0]
            out = folder / f"{'-'.join(method)}.parquet"
            found.methods.append(judge(label, _median(each), out, documents, truth))
        for count in counts:
            many = folder / "many.parquet"
            size = write_corpus(many, count, seed + 1)
            cost = run_method(sys.executable, "ours", many, folder / "out.parquet")
            found.scales.append(Scale(count, size, cost))
    show(found, console)
    if json is not None:
        write_json(json, asdict(found))


def show(found: Found, console: Console) -> None:
    """Print what was found."""
    table = Table(title=f"{found.documents:,} documents, {found.true_pairs:,} true pairs")
    for column in ("", "wall s", "CPU s", "peak MB", "precision", "J >= .8", ".7-.8", "ours is"):
        table.add_column(column, justify="right" if column else "left")
    for one in found.methods:
        ratio = one.cost.cpu / found.methods[0].cost.cpu
        held = HELD.get(one.name)
        goal = f" (goal {held:.0f}x)" if held else ""
        figures = (one.precision, one.found_high, one.found_low)
        table.add_row(
            one.name,
            f"{one.cost.wall:.1f}",
            f"{one.cost.cpu:.1f}",
            f"{one.cost.peak / 1e6:,.0f}",
            *(f"{figure:.4f}" for figure in figures),
            f"{ratio:.1f}x{goal}",
        )
    console.print(table)
    growth = Table(title="Ours as documents grow")
    for column in ("documents", "MB", "wall s", "CPU s", "documents/CPU s", "peak MB"):
        growth.add_column(column, justify="right")
    for scale in found.scales:
        growth.add_row(
            f"{scale.documents:,}",
            f"{scale.bytes / 1e6:,.0f}",
            f"{scale.cost.wall:.1f}",
            f"{scale.cost.cpu:.1f}",
            f"{scale.documents / scale.cost.cpu:,.0f}",
            f"{scale.cost.peak / 1e6:,.0f}",
        )
    if found.scales:
        console.print(growth)
    for name, fact in found.facts.items():
        console.print(f"{name}: {fact}", highlight=False, markup=False)


if __name__ == "__main__":
    sys.exit(as_process(app))
