"""The command `exec`: run the programs of a file behind walls; its options, and what it prints."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from opencodeinstruct.tools.programs.execute_file import Job, execute_file
from opencodeinstruct.tools.programs.shown import ProgramBar, estimate_lines, results_table
from opencodeinstruct.tools.screens import Screens, open_screens
from opencodeinstruct.tools.stages.execute import ExecuteSettings

_STREAM = Path("-")
_DEFAULTS = ExecuteSettings()
_KS = "1,10,100"  # those of Chen et al. 2021


class PolicyName(StrEnum):
    """How far a verdict is out of a program's reach."""

    CONFIRM = "confirm"
    SPLIT = "split"
    SCREEN = "screen"


Source = Annotated[
    Path,
    typer.Argument(metavar="IN.jsonl", help="Programs, a JSON object a line; - is stdin."),
]
Out = Annotated[
    Path, typer.Option("--out", metavar="OUT.jsonl", help="Where results go; - is stdout.")
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, max=1024, help="Programs at once; by default one a core."),
]
Problems = Annotated[
    str | None,
    typer.Option(
        "--problems",
        metavar="humaneval|FILE",
        help="IN holds samples for these problems: HumanEval's, or a file of the form of "
        "HumanEval's or MBPP's.",
    ),
]
Ks = Annotated[
    str | None,
    typer.Option("--k", help=f"Estimate pass@k for these k; with --problems {_KS}."),
]
Packages = Annotated[
    str, typer.Option("--packages", help="What programs may import: numpy,pandas, say.")
]
PolicyOption = Annotated[
    PolicyName,
    typer.Option(
        "--policy",
        help="confirm: tests and program in two processes, and a second run to find flaky ones; "
        "split: without that run; screen: in one process only.",
    ),
]

CpuSeconds = Annotated[float, typer.Option(help="Seconds of CPU that a test may take.")]
WallSeconds = Annotated[float, typer.Option(help="Seconds that a test may take by the clock.")]
MemoryMib = Annotated[int, typer.Option(help="MiB of memory that a program may take.")]
TotalSeconds = Annotated[
    float, typer.Option(help="Seconds of CPU that all tests of a program may take together.")
]


def exec_command(
    source: Source,
    out: Out,
    workers: Workers = None,
    problems: Problems = None,
    k: Ks = None,
    packages: Packages = "",
    policy: PolicyOption = PolicyName.CONFIRM,
    cpu_seconds: CpuSeconds = _DEFAULTS.cpu_seconds,
    wall_seconds: WallSeconds = _DEFAULTS.wall_seconds,
    memory_mib: MemoryMib = _DEFAULTS.memory_mib,
    total_seconds: TotalSeconds = _DEFAULTS.total_seconds,
) -> None:
    """Run the programs of IN.jsonl behind walls: a line of verdicts for each, in order.

    A line in: `{"id", "code", "tests": ["assert …"], "entry_point"}`, the last of them optional. A
    line out: `{"id", "verdicts", "trust", "seconds", …}`. With `--problems` a line is a sample,
    `{"task_id", "solution"}` or `{"task_id", "completion"}`, and pass@k is printed. Stopped or
    killed at any moment, the same command continues. More: docs/exec.md.

    Examples: `opencodeinstruct exec programs.jsonl --out results.jsonl`,
    `opencodeinstruct exec samples.jsonl --out results.jsonl --problems humaneval --k 1,10`,
    `opencodeinstruct exec programs.jsonl --out results.jsonl --packages numpy,pandas`
    """
    limits = {
        "cpu_seconds": cpu_seconds,
        "wall_seconds": wall_seconds,
        "memory_mib": memory_mib,
        "total_seconds": total_seconds,
    }
    job = Job(
        source=None if source == _STREAM else source,
        out=None if out == _STREAM else out,
        settings=_settings({**limits, "packages": [p for p in packages.split(",") if p.strip()]}),
        workers=workers or len(os.sched_getaffinity(0)),
        policy=policy.value,
        problems=problems,
        ks=_numbers(k or (_KS if problems else "")),
    )
    raise typer.Exit(_executed(job, open_screens()))


def _executed(job: Job, screens: Screens) -> int:
    with ProgramBar(screens.err) as bar:
        report = execute_file(job, bar.show)
    console = screens.err if job.out is None else screens.out

    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    console.print(results_table(report.tally))
    for line in estimate_lines(report):
        say(line)
    if job.out is not None:
        done = "was complete before; nothing was run" if report.before else "complete"
        say(f"{job.out}: {done}.")
    if report.tally.unusable:
        screens.err.print(
            f"{report.tally.unusable:,} lines of the input cannot be used; their lines in the "
            'output say why ("error").',
            style="yellow",
            highlight=False,
            soft_wrap=True,
        )
    if report.tally.deferred:
        screens.err.print(
            f"The sandbox failed on {report.tally.deferred:,} programs, which says nothing about "
            "them. Run the same command again to try those once more.",
            style="yellow",
            highlight=False,
            soft_wrap=True,
        )
    return report.code


def _settings(values: dict[str, object]) -> ExecuteSettings:
    try:
        return ExecuteSettings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0]).replace("_", "-")
        said = first["msg"].removeprefix("Value error, ")
        raise typer.BadParameter(said, param_hint=option) from None


def _numbers(text: str) -> tuple[int, ...]:
    try:
        numbers = sorted({int(part) for part in text.split(",") if part.strip()})
    except ValueError:
        numbers = [0]
    if any(number < 1 for number in numbers):
        raise typer.BadParameter("give numbers from 1, as in 1,10,100", param_hint="--k")
    return tuple(numbers)
