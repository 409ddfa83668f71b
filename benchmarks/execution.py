"""How fast, how right and how lasting the sandbox is, beside other ways to run the same programs.

Run it from a checkout: `python benchmarks/execution.py --help`. What it compares with is installed
by `pip install --no-deps -r benchmarks/requirements.txt`; what is absent is said and left out.
Harnesses that keep nobody in are put behind a wall (`outer_wall.py`).
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks import report
from benchmarks.agreement import COMPARED, Agreement, measure_agreement
from benchmarks.footprint import Sample, WorkerMemory, measure_endurance, measure_memory
from benchmarks.harness import Case, Setting
from benchmarks.machine import a_while, machine_facts
from benchmarks.measure import become_subreaper
from benchmarks.methods import METHODS, OURS
from benchmarks.programs import at_pass_rate, load_cases
from benchmarks.ratios import HELD, ratio_of
from benchmarks.speed import (
    THIRTY,
    WHOLE,
    Plan,
    ProgramSet,
    Speeds,
    measure_speed,
    slow_ones,
)
from benchmarks.tables import stdout_console
from benchmarks.watching import Watch
from opencodeinstruct.builder.errors import Missing
from opencodeinstruct.builder.files import write_json
from opencodeinstruct.tools.endings import as_process

PARTS = ("speed", "agreement", "memory")
# of `a_while`, for a program whose verdict is compared: the slowest that passes needs 9, the
# quickest that is to run out of time 16
AGREE_WHILES = 12.0

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)


@dataclass(slots=True)
class Found:
    """Everything that was measured."""

    facts: dict[str, object]
    speeds: Speeds = field(default_factory=Speeds)
    sets: list[ProgramSet] = field(default_factory=list)
    agreement: list[Agreement] = field(default_factory=list)
    agree_seconds: float = 0.0
    memory: list[WorkerMemory] = field(default_factory=list)
    endurance: list[Sample] = field(default_factory=list)


def _names(value: str, known: Sequence[str], option: str) -> tuple[str, ...]:
    """The names in `value`, between commas; all that are known where it is empty."""
    names = tuple(filter(None, (name.strip() for name in value.split(","))))
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(known)}", param_hint=option)
    return names or tuple(known)


def _counts(value: str) -> tuple[int, ...]:
    """The numbers of workers in `value`."""
    parts = [part.strip() for part in value.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise typer.BadParameter("give numbers from 1, as in 1,2", param_hint="--workers")
    return tuple(int(part) for part in parts)


@app.command()
def execution(
    data: Annotated[
        Path | None,
        typer.Option(
            help="Programs with known verdicts, JSONL or JSONL.gz; benchmarks/programs.py says "
            "what a line holds. Without it: HumanEval's solutions, and wrong ones beside them."
        ),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write every figure to this file.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of the speed part.")] = 3,
    workers: Annotated[str, typer.Option(help="Programs at once; several after commas.")] = "1,2",
    only: Annotated[str, typer.Option(help=f"Of {', '.join(METHODS)}: only these.")] = "",
    parts: Annotated[str, typer.Option(help=f"Of {', '.join(PARTS)}: only these.")] = "",
    seconds: Annotated[float, typer.Option(min=0.1, help="Time limit of the speed part.")] = 1.0,
    agree_seconds: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="Time limit where verdicts are compared; by default such that a fast machine"
            " and a slow one come to the same.",
        ),
    ] = None,
    sample: Annotated[int, typer.Option(min=0, help="So many programs only, spread out.")] = 0,
    endurance: Annotated[
        int, typer.Option(min=0, metavar="N", help="Also run N programs and look for leaks.")
    ] = 0,
) -> None:
    """Compare the sandbox with other ways to run untrusted Python: speed, verdicts, memory.

    Results go to stdout as Markdown, progress to stderr. Let the machine be quiet meanwhile.

    Examples:

    `python benchmarks/execution.py`: everything, with HumanEval's programs

    `python benchmarks/execution.py --data programs.jsonl.gz --json execution.json`

    `python benchmarks/execution.py --parts speed --only fork-server,screen --workers 1 --rounds 5`

    `python benchmarks/execution.py --parts agreement --only bubblewrap,split`

    `python benchmarks/execution.py --parts memory --endurance 100000`
    """
    chosen, wanted = _names(only, tuple(METHODS), "--only"), _names(parts, PARTS, "--parts")
    plan = Plan(chosen, _counts(workers), rounds, seconds)
    cases = thinned(load_cases(data), sample)
    if sys.platform != "linux":
        raise Missing("benchmarks/execution.py needs Linux. Run it there.")
    become_subreaper()
    out, progress = stdout_console(), Console(stderr=True)
    found = Found(machine_facts())
    with Watch(progress) as watch:
        if "speed" in wanted:
            found.sets = sets_of(cases, seconds, watch)
            found.speeds = measure_speed(plan, found.sets, watch)
        if "agreement" in wanted:
            found.agree_seconds = agree_seconds or round(AGREE_WHILES * a_while(), 2)
            setting = Setting(workers=min(plan.workers), seconds=found.agree_seconds)
            compared = [name for name in COMPARED if name in chosen]
            found.agreement = measure_agreement(compared, cases, setting, watch)
        if set(chosen) & set(OURS) and ("memory" in wanted or endurance):
            measure_ours(found, plan, cases, endurance, watch, memory="memory" in wanted)
    show(found, plan, out)
    if json is not None:
        write_json(json, as_json(found, plan, len(cases)))


def thinned(cases: list[Case], sample: int) -> list[Case]:
    """`sample` of `cases`, as far apart as can be; all of them for 0."""
    if not 0 < sample < len(cases):
        return cases
    return [cases[index * len(cases) // sample] for index in range(sample)]


def sets_of(cases: Sequence[Case], seconds: float, watch: Watch) -> list[ProgramSet]:
    """All of `cases`, and so many that 30% pass, with which of them are slow."""
    slow = slow_ones(cases, seconds, watch)
    return [
        ProgramSet(name, tuple(chosen), slow)
        for name, chosen in ((WHOLE, cases), (THIRTY, at_pass_rate(cases, 0.3)))
        if chosen
    ]


def measure_ours(
    found: Found, plan: Plan, cases: Sequence[Case], endurance: int, watch: Watch, *, memory: bool
) -> None:
    """What the sandbox holds while programs run that end by themselves."""
    quick = found.sets[0].quick if found.sets else sets_of(cases, plan.seconds, watch)[0].quick
    if memory:
        found.memory = [measure_memory(workers, quick, watch) for workers in plan.workers]
    if endurance:
        found.endurance = measure_endurance(endurance, max(plan.workers), quick, watch)


def show(found: Found, plan: Plan, out: Console) -> None:
    """Every table that there is something for."""
    facts = found.facts
    lines = [f"{facts['processor']}, {facts['cores']} cores, {facts['kernel']}, load at the start "]
    lines[0] += f"{facts['load_at_start']:.2f}; Python {facts['python']}; commit {facts['commit']}"
    tables = []
    if found.speeds.runs:
        tables += report.speed_tables(found.speeds, found.sets, plan.workers)
        tables += report.ratio_tables(found.speeds, plan.workers)
        lines.append(report.slow_line(found.sets[0]))
    lines += report.left_out_lines(found.speeds)
    if found.agreement:
        tables += report.agreement_tables(found.agreement, found.agree_seconds)
    tables += [report.memory_table(found.memory)] if found.memory else []
    tables += [report.endurance_table(found.endurance)] if found.endurance else []
    for line in lines:
        out.print(line, highlight=False, markup=False, soft_wrap=True)
    for table in tables:
        out.print(table)


def as_json(found: Found, plan: Plan, programs: int) -> dict[str, Any]:
    """Every figure, with what it was measured on."""
    return {
        "machine": found.facts,
        "plan": {**asdict(plan), "programs": programs, "agree_seconds": found.agree_seconds},
        "versions": found.speeds.versions,
        "left_out": found.speeds.left_out,
        "sets": [
            {
                "name": one.name,
                "programs": len(one.cases),
                "pass_rate": one.pass_rate,
                "slow": [case.uid for case in one.slow],
            }
            for one in found.sets
        ],
        "runs": [run.facts() for run in found.speeds.runs],
        "ratios": [
            {**asdict(held), "workers": count, "part": part, **asdict(ratio)}
            for held in HELD
            for count in plan.workers
            for part in ("all", "quick")
            if (ratio := ratio_of(held, found.speeds.runs, count, part))
        ],
        "agreement": [asdict(one) for one in found.agreement],
        "memory": [asdict(one) for one in found.memory],
        "endurance": [asdict(one) for one in found.endurance],
    }


if __name__ == "__main__":
    sys.exit(as_process(app))
