"""What the engine's benchmark measured, as tables, and what it is held to."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from rich.table import Table

from benchmarks.tables import table

HELD = {"datatrove": 3.0, "designer": 10.0}
"""So many times the rows a second of each are aimed at."""
MOST_CPU_MS, LEAST_FULL = 1.0, 0.97
MOST_GROWTH = 1.1  # of memory, from a fifth of the rows to the end, that still counts as flat


@dataclass(frozen=True, slots=True)
class Figures:
    """One client in one setting. `full` is the mean share of places in use from the first to the
    last thousandth; memory is the client's, in MiB, after a fifth of the rows and at the end.
    """

    client: str
    latency: str
    in_flight: int
    rows: int
    rows_per_second: float
    cpu_ms_per_row: float
    full: float
    asked_twice: int
    early_mib: float
    late_mib: float

    @property
    def setting(self) -> tuple[str, int]:
        """What clients are compared in."""
        return self.latency, self.in_flight

    @property
    def is_fixed(self) -> bool:
        """Whether each answer takes the same time: else the slowest decide how long a run takes."""
        return self.latency.startswith("fixed")

    @property
    def most(self) -> float:
        """Rows a second that no client can exceed: as many are in flight, each for the mean."""
        return self.in_flight / float(self.latency.partition(":")[2])


def tables(figures: Sequence[Figures], long: Figures | None) -> list[Table]:
    """What was measured, setting by setting, then what is aimed at."""
    settings = by_setting(figures)
    return [*map(setting_table, settings), held_table(settings, long)]


def by_setting(figures: Sequence[Figures]) -> list[list[Figures]]:
    """The figures of each setting."""
    settings: dict[tuple[str, int], list[Figures]] = {}
    for one in figures:
        settings.setdefault(one.setting, []).append(one)
    return list(settings.values())


def runs_of(figures: Sequence[Figures], client: str) -> list[Figures]:
    """The figures of one client."""
    return [one for one in figures if one.client == client]


def setting_table(figures: Sequence[Figures]) -> Table:
    """All clients in one setting; medians where one was measured more than once."""
    first = figures[0]
    rows = []
    for client in dict.fromkeys(one.client for one in figures):
        runs = runs_of(figures, client)
        rate = rate_of(runs)
        rows.append(
            [
                client,
                f"{rate:,.1f}",
                f"{rate / first.most:.0%}" if first.is_fixed else "",
                f"{cpu_of(runs):.3f}",
                f"{median(one.full for one in runs):.3f}",
                times(figures, client, "rate"),
                times(figures, client, "cpu"),
            ]
        )
    title = f"{first.latency}, {first.in_flight:,} in flight, {first.rows:,} rows"
    if first.is_fixed:
        title += f"; nobody can have more than {first.most:,.0f} rows/s"
    columns = ("client", "rows/s", "of the most", "CPU ms", "full", "ours, rows/s", "ours, CPU")
    return table(title, columns, rows, left=1)


def rate_of(runs: Sequence[Figures]) -> float:
    """Rows a second, the median."""
    return median(one.rows_per_second for one in runs)


def cpu_of(runs: Sequence[Figures]) -> float:
    """CPU milliseconds a row, the median."""
    return median(one.cpu_ms_per_row for one in runs)


def times(figures: Sequence[Figures], client: str, of: Literal["rate", "cpu"]) -> str:
    """How many times the rows of `client` ours does, or how many times less CPU it takes."""
    ratio = ratio_of(figures, client, of)
    return "" if ratio is None or client == "ours" else f"{ratio:.1f}x"


def ratio_of(figures: Sequence[Figures], client: str, of: Literal["rate", "cpu"]) -> float | None:
    """That ratio within one setting; None where one of the two is missing."""
    ours, theirs = runs_of(figures, "ours"), runs_of(figures, client)
    if not ours or not theirs:
        return None
    return rate_of(ours) / rate_of(theirs) if of == "rate" else cpu_of(theirs) / cpu_of(ours)


def held_table(settings: Sequence[Sequence[Figures]], long: Figures | None) -> Table:
    """What is aimed at, beside what was measured.

    Where the answers' time alone keeps anybody from it, that is said.
    """
    rows = [row for figures in settings for row in held_rows(figures)]
    if long is not None:
        growth = long.late_mib / long.early_mib if long.early_mib else 1.0
        where = f"{long.rows:,} rows, {long.in_flight:,}"
        rows += [
            [where, "places full", *at_least(LEAST_FULL, long.full)],
            [where, "CPU ms", *at_most(MOST_CPU_MS, long.cpu_ms_per_row)],
            [where, "memory, end to a fifth", *at_most(MOST_GROWTH, growth)],
        ]
    return table("Aimed at", ("setting", "what", "aim", "measured"), rows, left=3)


def held_rows(figures: Sequence[Figures]) -> list[list[str]]:
    """The aims within one setting."""
    first = figures[0]
    where = f"{first.latency}, {first.in_flight:,}"
    rows = []
    for client, aim in HELD.items() if first.is_fixed else ():
        ratio = ratio_of(figures, client, "rate")
        if ratio is not None:
            most = first.most / rate_of(runs_of(figures, client))
            limit = f", nobody can have more than {most:.1f}" if most < aim else ""
            asked, measured = at_least(aim, ratio)
            rows.append([where, f"rows/s to {client}", asked, measured + limit])
    ours = runs_of(figures, "ours")
    if ours:
        rows.append([where, "CPU ms", *at_most(MOST_CPU_MS, cpu_of(ours))])
    return rows


def at_least(aim: float, measured: float) -> tuple[str, str]:
    """The aim in words, and what was measured."""
    return f"at least {aim:g}", kept(measured, measured >= aim)


def at_most(aim: float, measured: float) -> tuple[str, str]:
    """The aim in words, and what was measured."""
    return f"at most {aim:g}", kept(measured, measured <= aim)


def kept(measured: float, reached: bool) -> str:
    """The figure, and whether it keeps its aim."""
    return f"{measured:.2f} {'reached' if reached else 'MISSED'}"
