"""Read the seeds of a recipe's sources, in an order that only the recipe decides."""

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from opencodeinstruct.tools.outcome import Dropped, Kept, Outcome
from opencodeinstruct.tools.ports import random_of, seed_of
from opencodeinstruct.tools.sources import hub
from opencodeinstruct.tools.sources.code import Tree, open_tree, read_file
from opencodeinstruct.tools.sources.problems import (
    TACO_FIELDS,
    TACO_FILES,
    problem_files,
    problem_seed,
    read_problems,
)
from opencodeinstruct.tools.sources.records import Record
from opencodeinstruct.tools.stages.seeds import (
    CodeSource,
    HubCodeSource,
    ProblemsSource,
    Source,
    TacoSource,
    bad_characters,
    code_seeds,
    printable,
    rejected,
)
from opencodeinstruct.tools.text.license import combined_license, is_expression

_SHUFFLED = 1000  # rows of a Hub dataset in memory, among which the next one is drawn
_LEAST_OF_SHARD = 50  # to open a shard takes a second: fewer rows of each would not pay

Outcomes = Iterator[Outcome]


@dataclass(slots=True)
class _Taken:
    """The ids of the seeds so far: the second time, the same text is a rejection."""

    ids: set[int] = field(default_factory=set)

    def once(self, outcome: Outcome) -> Outcome:
        if not isinstance(outcome, Kept):
            return outcome
        own = int(outcome.row["id"], 16)
        if own in self.ids:
            origin = outcome.row["seed_origin"]
            return Dropped(outcome.row, "duplicate_seed", f"{origin}: same as {outcome.row['id']}")
        self.ids.add(own)
        return outcome


def read_seeds(sources: Sequence[Source], seed: int) -> Outcomes:
    """The outcomes of all `sources` in order: a seed's row or why there is none.

    Paths are checked now: one that is not there is a `ProjectError` before anything is read. With a
    `limit` a source gives so many seeds (fewer if it has no more), spread over its files or lines
    by `seed`; what was not drawn is no outcome. The same files and `seed` give the same outcomes.
    """
    taken = _Taken()
    readers = [_reader(source, seed, taken) for source in sources]
    return (outcome for reader in readers for outcome in reader())


def _reader(source: Source, seed: int, taken: _Taken) -> Callable[[], Outcomes]:
    if isinstance(source, CodeSource):
        tree = open_tree(source)
        return lambda: _read_tree(tree, source.limit, seed, taken)
    if isinstance(source, HubCodeSource):
        hub.check_repo(source.repo)
        return lambda: _read_hub_code(source, seed, taken)
    if isinstance(source, TacoSource) and not Path(source.path).expanduser().exists():
        hub.check_repo(source.path)
        return lambda: _read_hub_taco(source, seed, taken)
    files = problem_files(source)
    return lambda: _read_problems(source, files, seed, taken)


def _read_tree(tree: Tree, limit: int | None, seed: int, taken: _Taken) -> Outcomes:
    yield from tree.troubles
    if limit is None:
        for file in tree.files:
            yield from map(taken.once, read_file(tree, file))
    else:
        files = list(tree.files)
        random_of(seed, "files", tree.name).shuffle(files)

        def open_file(file: str) -> Outcomes:
            outcomes = list(read_file(tree, file))
            random_of(seed, "functions", printable(file)).shuffle(outcomes)
            return iter(outcomes)

        yield from _in_turn(files, open_file, limit, taken, least=1)


def _in_turn(
    parts: list[Any],
    open_part: Callable[[Any], Outcomes],
    limit: int,
    taken: _Taken,
    *,
    least: int,
) -> Outcomes:
    """Outcomes until `limit` are kept, about as many kept of each of `parts`.

    A part is opened again for each further round, past what it gave before; rounds grow, so that
    none is opened often.
    """
    share, wanted = max(least, math.ceil(limit / max(1, len(parts)))), limit
    waiting = [(part, 0) for part in parts]
    while waiting and wanted:
        again = []
        for part, done in waiting:
            share_left = min(share, wanted)
            for outcome in islice(open_part(part), done, None):
                done += 1
                outcome = taken.once(outcome)
                yield outcome
                share_left -= isinstance(outcome, Kept)
                wanted -= isinstance(outcome, Kept)
                if not share_left:
                    again.append((part, done))
                    break
            if not wanted:
                return
        waiting, share = again, share * 2


def _read_problems(
    source: ProblemsSource | TacoSource, files: tuple[Path, ...], seed: int, taken: _Taken
) -> Outcomes:
    outcomes = map(taken.once, read_problems(source, files))
    return outcomes if source.limit is None else _drawn(outcomes, source.limit, seed)


def _drawn(outcomes: Outcomes, limit: int, seed: int) -> Outcomes:
    """The rejections as they come, then `limit` of the kept, drawn by their ids, in order."""
    drawn: list[tuple[int, int, Kept]] = []
    for number, outcome in enumerate(outcomes):
        if not isinstance(outcome, Kept):
            yield outcome
            continue
        entry = (-seed_of(seed, "problem", outcome.row["id"]), -number, outcome)
        if len(drawn) < limit:
            heapq.heappush(drawn, entry)
        else:
            heapq.heappushpop(drawn, entry)
    for _, _, kept in sorted(drawn, key=lambda entry: -entry[1]):
        yield kept


def _read_hub_code(source: HubCodeSource, seed: int, taken: _Taken) -> Outcomes:
    columns = [one for one in (source.column, source.license_column) if one is not None]
    split = hub.open_split(source, columns)

    def read(shard: int) -> Outcomes:
        rows = _hub_rows(split, shard, source.limit, seed)
        return (outcome for origin, row in rows for outcome in _hub_code(source, origin, row))

    yield from _read_hub(split, source.limit, read, seed, taken)


def _read_hub_taco(source: TacoSource, seed: int, taken: _Taken) -> Outcomes:
    patterns = tuple(pattern.format(split=source.split) for pattern in TACO_FILES)
    split = hub.open_files(source.path, patterns, [TACO_FIELDS.input])

    def read(shard: int) -> Outcomes:
        rows = _hub_rows(split, shard, source.limit, seed)
        return (problem_seed(Record(*row), TACO_FIELDS, source.license) for row in rows)

    yield from _read_hub(split, source.limit, read, seed, taken)


def _read_hub(
    split: hub.HubSplit,
    limit: int | None,
    read: Callable[[int], Outcomes],
    seed: int,
    taken: _Taken,
) -> Outcomes:
    shards = list(range(len(split.shards)))
    if limit is None:
        for shard in shards:
            yield from map(taken.once, read(shard))
    else:
        random_of(seed, "shards", split.name).shuffle(shards)
        yield from _in_turn(shards, read, limit, taken, least=_LEAST_OF_SHARD)


def _hub_rows(
    split: hub.HubSplit, shard: int, limit: int | None, seed: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """A shard's rows: in order, or each drawn from among the next thousand where some will do."""
    rows = hub.rows_of(split, shard)
    if limit is None:
        yield from rows
        return
    draw = random_of(seed, "rows", split.name, shard)
    waiting = list(islice(rows, _SHUFFLED))
    for row in rows:
        place = draw.randrange(len(waiting))
        yield waiting[place]
        waiting[place] = row
    draw.shuffle(waiting)
    yield from waiting


def _hub_code(source: HubCodeSource, origin: str, row: dict[str, Any]) -> Outcomes:
    """The outcomes of the functions in one row's file."""
    text = row[source.column]
    if not isinstance(text, str):
        kind = "null" if text is None else f"a {type(text).__name__}"
        yield rejected(origin, "wrong_type", f"{source.column!r} is {kind}, not text")
        return
    fault = bad_characters(text)
    if fault is not None:
        yield rejected(origin, "bad_characters", fault, text)
        return
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    yield from code_seeds(text, origin, _license(source, row))


def _license(source: HubCodeSource, row: dict[str, Any]) -> str | None:
    """The row's own licences (text or list), else the source's; what is no SPDX is unknown."""
    own = row.get(source.license_column) if source.license_column else None
    names = [own] if isinstance(own, str) else list(own or ())
    if not names:
        return source.license
    return combined_license(
        name if isinstance(name, str) and is_expression(name) else None for name in names
    )
