"""What the sandbox is held to, as ratios between two methods of one round."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from benchmarks.session import Cost
from benchmarks.speed import THIRTY, WHOLE, Run

Part = Literal["all", "quick"]


@dataclass(frozen=True, slots=True)
class Held:
    """`method` compared with `other` over one set of programs: CPU for each, or programs/s.

    The ratio of CPU is to be `bound` at most, that of programs per second `bound` at least.
    """

    method: str
    other: str
    programs: str
    of: Literal["cpu", "rate"]
    bound: float

    @property
    def title(self) -> str:
        """In words."""
        what = "CPU" if self.of == "cpu" else "programs/s"
        passing = f", {self.programs} passing" if self.programs == THIRTY else ""
        return f"{self.method} / {self.other}, {what}{passing}"

    @property
    def asked(self) -> str:
        """The bound in words."""
        return f"{'at most' if self.of == 'cpu' else 'at least'} {self.bound:g}"

    def holds(self, ratio: float) -> bool:
        """Whether `ratio` keeps the bound."""
        return ratio <= self.bound if self.of == "cpu" else ratio >= self.bound


HELD = (
    Held("screen", "fork-server", WHOLE, "cpu", 1.15),
    Held("confirm", "evalplus", WHOLE, "cpu", 0.7),
    Held("confirm", "evalplus", THIRTY, "cpu", 0.5),
    Held("screen", "python", WHOLE, "rate", 5),
    Held("confirm", "python", WHOLE, "rate", 5),
)


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of the rounds' ratios, the least and the largest."""

    median: float
    least: float
    most: float


def ratio_of(held: Held, runs: Sequence[Run], workers: int, part: Part) -> Ratio | None:
    """The ratio with so many workers; None where one of the two was never run with them."""
    figure = _cpu if held.of == "cpu" else _rate
    mine = _by_round(held.method, held.programs, runs, workers, part, figure)
    others = _by_round(held.other, held.programs, runs, workers, part, figure)
    ratios = [mine[turn] / others[turn] for turn in mine.keys() & others.keys()]
    return Ratio(median(ratios), min(ratios), max(ratios)) if ratios else None


def _by_round(
    method: str,
    programs: str,
    runs: Sequence[Run],
    workers: int,
    part: Part,
    figure: Callable[[Cost], float],
) -> dict[int, float]:
    return {
        run.round: figure(run.quick if part == "quick" else run.all)
        for run in runs
        if (run.method, run.programs, run.workers) == (method, programs, workers)
    }


def _cpu(cost: Cost) -> float:
    return cost.cpu_seconds / cost.programs


def _rate(cost: Cost) -> float:
    return cost.per_second
