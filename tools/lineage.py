"""A question's family: its ancestors back to the seeds, and all that was made from it.

Rows are looked for in a run's folder (kept ones and rejects of `evolve`, so that a child that died
is shown with its reason) or in a dataset's shards.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.markup import escape
from rich.tree import Tree

from opencodeinstruct.builder.batches import batches
from opencodeinstruct.builder.errors import Missing
from opencodeinstruct.tools.outcome import Row
from opencodeinstruct.tools.shown import visible

_ROWS = 8192  # read at a time
COLUMNS = (
    "id",
    "input",
    "operation",
    "generation",
    "colony",
    "parent_ids",
    "seed_origin",
    "topic",
    "fitness",
    "entry_point",
    "generator_model",
    "generator_prompt",
    "reject_reason",
)
SHORT = 8  # hex digits of an id that a person reads


@dataclass(frozen=True, slots=True)
class Family:
    """Questions by id, and of each the ids of its children, in the order of birth."""

    rows: Mapping[str, Row]
    children: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def named(self, prefix: str) -> str:
        """The id that begins with `prefix`; `Missing` where there is none, or more than one."""
        found = [name for name in self.rows if name.startswith(prefix.lower())]
        if len(found) != 1:
            what = "no question" if not found else f"{len(found)} questions"
            raise Missing(
                f"{what} of {len(self.rows)} has an id that begins with {prefix!r}. "
                "Give more of the id, as the column `id` has it."
            )
        return found[0]


def read_family(place: Path) -> Family:
    """All questions of the run or dataset in the folder `place`."""
    rows: dict[str, Row] = {}
    children: dict[str, list[str]] = defaultdict(list)
    for row in _rows(place):
        known = rows.get(row["id"])
        if known is None or known.get("reject_reason"):  # a copy that died says nothing new
            rows[row["id"]] = row
        if known is None:
            for parent in row.get("parent_ids") or ():
                children[parent].append(row["id"])
    if not rows:
        raise Missing(
            f"{place}: no questions are there. Give the folder of a run whose stage `evolve` is "
            "complete, or of a dataset."
        )
    return Family(rows, children)


def _rows(place: Path) -> Iterator[Row]:
    stages = sorted(place.glob("[0-9][0-9]-evolve"))
    files = sorted((place / "data").rglob("*.parquet")) or sorted(place.glob("*.parquet"))
    if stages:
        parts = sorted(stages[0].glob("part-*.parquet"))
        files = [*parts, *sorted((stages[0] / "rejects").glob("part-*.parquet"))]
    for file in files:
        table = pq.ParquetFile(file)
        names = [name for name in COLUMNS if name in table.schema_arrow.names]
        for batch in batches(table, _ROWS, names):
            for row in batch.to_pylist():
                if row.get("id") and row.get("input"):
                    yield row


def family_tree(family: Family, name: str) -> Tree:
    """The tree of the question `name`: ancestors above it, descendants below it.

    An ancestor is shown once, where it is met first; after that it is only named.
    """
    told: set[str] = set()
    tree = Tree(_title(family, name, chosen=True))
    above = tree.add("[bold]made from[/]")
    _add_parents(above, family, name, told)
    if not above.children:
        above.label = "made from a seed"
    below = tree.add("[bold]gave rise to[/]")
    _add_children(below, family, name, {name})
    if not below.children:
        below.label = "gave rise to nothing"
    return tree


def _add_parents(branch: Tree, family: Family, name: str, told: set[str]) -> None:
    waiting = [(branch, name)]
    while waiting:
        place, child = waiting.pop()
        for parent in family.rows[child].get("parent_ids") or ():
            if parent not in family.rows:
                place.add(f"[dim]seed {parent[:SHORT]}[/]" if _is_seed(family, child) else
                          f"[dim]{parent[:SHORT]} is not here[/]")  # fmt: skip
            elif parent in told:
                place.add(f"{parent[:SHORT]} [dim](see above)[/]")
            else:
                told.add(parent)
                waiting.append((place.add(_title(family, parent)), parent))


def _add_children(branch: Tree, family: Family, name: str, told: set[str]) -> None:
    waiting = [(branch, name)]
    while waiting:
        place, parent = waiting.pop()
        for child in family.children.get(parent, ()):
            if child in told:
                place.add(f"{child[:SHORT]} [dim](see above)[/]")
            else:
                told.add(child)
                waiting.append((place.add(_title(family, child)), child))


def _is_seed(family: Family, name: str) -> bool:
    return not family.rows[name].get("generation")


def _title(family: Family, name: str, *, chosen: bool = False) -> str:
    row: dict[str, Any] = family.rows[name]
    facts = [str(row.get("operation")), f"generation {row.get('generation')}"]
    if row.get("generation"):
        facts.append(f"colony {row.get('colony')}")
    facts += [str(row[key]) for key in ("topic",) if row.get(key)]
    if row.get("fitness"):
        facts.append(f"fitness {row['fitness']}")
    if not row.get("generation"):
        facts.append(str(row.get("seed_origin")))
    if row.get("generator_prompt"):
        facts.append(f"prompt {row['generator_prompt']}")
    died = f" [red]{row['reject_reason']}[/]" if row.get("reject_reason") else ""
    text = row["input"] if chosen else _beginning(row["input"])
    head = f"[bold]{name[:SHORT]}[/] [cyan]{escape(visible(', '.join(facts)))}[/]{died}"
    return f"{head}\n{escape(visible(text))}"


def _beginning(text: str, size: int = 160) -> str:
    line = " ".join(text.split())
    return line if len(line) <= size else line[:size] + "…"
