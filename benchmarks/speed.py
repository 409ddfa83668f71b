"""Rounds of all methods, interleaved, so that whatever else goes on touches them alike."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field

from benchmarks.harness import Case, Setting
from benchmarks.session import Cost, opened, warm
from benchmarks.watching import Watch
from opencodeinstruct.builder.errors import Missing

WHOLE = "whole"
THIRTY = "30%"
FOR_THIRTY = ("evalplus", "confirm")
"""The methods that also run the programs of which 30% pass."""


@dataclass(frozen=True, slots=True)
class ProgramSet:
    """Programs, and the uids of those that run into the time limit or near it."""

    name: str
    cases: tuple[Case, ...]
    slow_uids: frozenset[str]

    @property
    def quick(self) -> tuple[Case, ...]:
        """Those that end by themselves."""
        return tuple(case for case in self.cases if case.uid not in self.slow_uids)

    @property
    def slow(self) -> tuple[Case, ...]:
        """Those that do not."""
        return tuple(case for case in self.cases if case.uid in self.slow_uids)

    @property
    def pass_rate(self) -> float:
        """The share that should pass."""
        return sum(case.passes for case in self.cases) / len(self.cases)


@dataclass(frozen=True, slots=True)
class Run:
    """One method over one set of programs: the quick by themselves, then all as they come.

    And what it got wrong of the quick: a slow one may fail to pass; that is what a time limit does.
    """

    method: str
    programs: str
    workers: int
    round: int
    quick: Cost
    all: Cost
    wrong: tuple[str, ...]

    def facts(self) -> dict[str, object]:
        """All of it, for a JSON file."""
        return asdict(self)


@dataclass(slots=True)
class Speeds:
    """All runs; why a method was left out; the versions of those that were not."""

    runs: list[Run] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run: methods, numbers of workers, rounds, the time limit in seconds."""

    methods: tuple[str, ...]
    workers: tuple[int, ...]
    rounds: int
    seconds: float

    def turns(self, sets: Sequence[ProgramSet]) -> Iterator[tuple[int, int, str, ProgramSet]]:
        """Round, workers, method and programs; each round begins with another method."""
        for turn in range(self.rounds):
            for workers in self.workers:
                at = turn % len(self.methods)
                for method in (*self.methods[at:], *self.methods[:at]):
                    for programs in sets:
                        if programs.name != THIRTY or method in FOR_THIRTY:
                            yield turn, workers, method, programs


def slow_ones(cases: Sequence[Case], seconds: float, watch: Watch) -> frozenset[str]:
    """The uids of `cases` that need more than half of `seconds`, tried without walls of their own.

    They cost every method the time limit, or near it, and so say nothing about the method.
    """
    setting = Setting(seconds=seconds)
    with (
        watch.task("which are slow", len(cases)) as done,
        opened("fork-server", setting) as session,
    ):
        session.load(cases)
        session.run(0, len(cases), done)
        seen = session.seen()
    return frozenset(
        case.uid for case, one in zip(cases, seen, strict=True) if one.seconds > seconds / 2
    )


def measure_speed(plan: Plan, sets: Sequence[ProgramSet], watch: Watch) -> Speeds:
    """Every turn of `plan`; a method that cannot be had is left out, and that is said."""
    speeds = Speeds()
    turns = list(plan.turns(sets))
    with watch.task("all runs", len(turns)) as done:
        for turn, workers, method, programs in turns:
            if method not in speeds.left_out:
                setting = Setting(workers=workers, seconds=plan.seconds)
                try:
                    speeds.runs.append(one_run(method, programs, turn, setting, watch, speeds))
                except Missing as error:
                    speeds.left_out[method] = str(error)
                    watch.say(f"left out: {error}")
            done(1)
    return speeds


def one_run(
    method: str, programs: ProgramSet, turn: int, setting: Setting, watch: Watch, speeds: Speeds
) -> Run:
    """`method` over the quick programs, then over all; its version goes to `speeds`.

    All in one go: where the slow ones came last, workers would wait for each other at their end.
    """
    quick, cases = programs.quick, programs.cases
    name = f"{method} x{setting.workers}"
    with watch.task(name, len(quick) + len(cases)) as done, opened(method, setting) as session:
        speeds.versions[method] = session.version
        warm(session, quick, cases)
        cost_of_quick = session.run(0, len(quick), done)
        seen = session.seen()
        cost = session.run(len(quick), len(cases), done)
    wrong = [case.uid for case, one in zip(quick, seen, strict=True) if case.passes != one.passed]
    return Run(method, programs.name, setting.workers, turn, cost_of_quick, cost, tuple(wrong))
