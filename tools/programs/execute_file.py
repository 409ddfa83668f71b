"""Run the programs of a file: results in the order of its lines, in a file that can be taken up."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from opencodeinstruct.builder.errors import ProjectError, RunFolderError, ServiceError
from opencodeinstruct.tools.in_order import in_order
from opencodeinstruct.tools.packages import installed
from opencodeinstruct.tools.ports import Run, digest
from opencodeinstruct.tools.programs.entries import Entry, Reader, Unusable
from opencodeinstruct.tools.programs.lines import Line, Scan, lines_of, scan
from opencodeinstruct.tools.programs.pass_at_k import Estimate, estimates
from opencodeinstruct.tools.programs.problems import Problem, read_problems
from opencodeinstruct.tools.programs.results import (
    Result,
    Results,
    is_deferred,
    part_of,
    read_results,
    refuse_other,
    streaming_results,
    writing_results,
)
from opencodeinstruct.tools.programs.tally import Tally
from opencodeinstruct.tools.sandbox import Sandbox
from opencodeinstruct.tools.stages.execute import ExecuteSettings
from opencodeinstruct.tools.text.faults import fault_of

_FORMAT = 1  # raise it when the same program gets another line
_FAILURES = 20  # so many failures of the sandbox without a result between them stop the command

Policy = Literal["confirm", "split", "screen"]


@dataclass(frozen=True, slots=True)
class Job:
    """What to run: `source` None is stdin, `out` None stdout. `ks` asks for pass@k by id."""

    source: Path | None
    out: Path | None
    settings: ExecuteSettings
    workers: int
    policy: Policy = "confirm"
    problems: str | None = None
    ks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a job. `problems`: how many there are; `before`: an earlier run did it all."""

    tally: Tally
    estimates: list[Estimate]
    problems: int | None = None
    before: bool = False

    @property
    def code(self) -> int:
        """The exit code: 3 where another run may give more, 1 where a line could not be used."""
        return 3 if self.tally.deferred else int(self.tally.unusable > 0)


OnLine = Callable[[Tally, int | None], None]
"""Told the counts so far and the number of lines, where it is known: at the start, at each line."""

Opened = Callable[[Job], AbstractAsyncContextManager[Run]]
"""Gives what runs a job's programs."""


def sandbox(job: Job) -> AbstractAsyncContextManager[Run]:
    """The sandbox as `job` wants it."""
    return Sandbox(workers=job.workers, packages=job.settings.packages, policy=job.policy)


def execute_file(job: Job, on_line: OnLine, opened: Opened = sandbox) -> Report:
    """Run the job's programs behind walls, but for those that an earlier run of it has done.

    `Missing` where walls cannot be built or a package is not there, `RunFolderError` where the
    output is something else's.
    """
    _refuse_places(job)
    problems = read_problems(job.problems) if job.problems else None
    scanned = scan(job.source) if job.source is not None and job.source.is_file() else None
    made_of = _made_of(job, problems, scanned)
    tally = _counted_before(job, made_of)
    before = tally is not None and not tally.deferred
    if tally is None or not before:
        reader = Reader(str(job.source or "stdin"), job.settings.limits(), problems)
        output = _output(job, made_of, again=tally is not None)
        lines = scanned.lines if scanned else None
        tally = asyncio.run(_run(job, reader, output, lambda now: on_line(now, lines), opened))
    found = estimates(tally.counts(), job.ks)
    return Report(tally, found, None if problems is None else len(problems), before)


def _refuse_places(job: Job) -> None:
    if job.source is not None and not job.source.exists():
        raise ProjectError(f"{job.source}: there is no such file. Give a file of programs (JSONL).")
    for path in (job.source, job.out):
        if path is not None and path.is_dir():
            raise ProjectError(f"{path}: is a folder. Give a file.")
    if job.source and job.out and job.out.exists() and job.source.samefile(job.out):
        raise ProjectError(f"{job.out}: is the input. Give another --out.")


def _made_of(
    job: Job, problems: Mapping[str, Problem] | None, scanned: Scan | None
) -> dict[str, Any]:
    """All that decides the results, but for what a stream holds."""
    return {
        "format": _FORMAT,
        "input": scanned.sha256 if scanned else None,
        "problems": digest({task: asdict(one) for task, one in problems.items()})
        if problems
        else None,
        "policy": job.policy,
        **job.settings.model_dump(mode="json"),
        "packages": installed(job.settings.packages),
    }


def _is_stream(out: Path | None) -> bool:
    """Whether `out` is stdout, a pipe or a device, and so nothing that could be taken up."""
    return out is None or (out.exists() and not out.is_file())


def _counted_before(job: Job, made_of: Mapping[str, Any]) -> Tally | None:
    """The counts of the job's output, where an earlier run wrote all its lines."""
    if job.out is None or _is_stream(job.out):
        return None
    if made_of["input"] is None:
        for path in (job.out, part_of(job.out)):
            if path.exists() and path.stat().st_size:
                raise RunFolderError(
                    f"{path}: is there, and what comes through a pipe cannot be compared with it. "
                    "Delete it or give another --out."
                )
    if not job.out.exists():
        return None
    refuse_other(job.out, job.out, made_of)
    tally = Tally(by_task=bool(job.ks))
    for result in read_results(job.out):
        tally.add(result)
    return tally


def _output(
    job: Job, made_of: Mapping[str, Any], *, again: bool
) -> AbstractContextManager[Results]:
    if job.out is None or _is_stream(job.out):
        return streaming_results(job.out)
    return writing_results(job.out, made_of, again=again)


async def _run(
    job: Job,
    reader: Reader,
    output: AbstractContextManager[Results],
    told: Callable[[Tally], None],
    opened: Opened,
) -> Tally:
    tally = Tally(by_task=bool(job.ks))
    async with opened(job) as run:  # first: where it cannot be had, nothing is written
        with output as results:
            for result in results.written:
                tally.add(result)
            told(tally)
            failures = 0

            def emit(result: Result) -> None:
                nonlocal failures
                results.write(result)
                tally.add(result)
                told(tally)
                failures = failures + 1 if is_deferred(result) else 0
                if failures == _FAILURES:
                    raise ServiceError(f"{failures} programs in a row failed: {result['error']}")

            async def work(item: Entry | Unusable | Result) -> Result:
                return await _result(item, run)

            items = _items(lines_of(job.source), reader, results)
            await in_order(items, work, emit, at_once=2 * job.workers)
            found = {f"pass@{one.k}": one.value for one in estimates(tally.counts(), job.ks)}
            results.finish({**tally.summary(), **found})
    return tally


async def _items(
    lines: AsyncIterator[Line], reader: Reader, results: Results
) -> AsyncIterator[Entry | Unusable | Result]:
    """What becomes of each line that is not done: a program, none, or an earlier result."""
    skip = results.done
    async for line in lines:
        if skip:
            skip -= 1
            continue
        earlier = next(results.earlier, None)
        yield reader.read(line) if earlier is None or is_deferred(earlier) else earlier


async def _result(item: Entry | Unusable | Result, run: Run) -> Result:
    if isinstance(item, dict):
        return item
    if isinstance(item, Unusable):
        return {"id": item.id, "error": item.error, "verdicts": []}
    tests = item.program.tests
    try:
        ran = await run(item.program)
        if len(ran.verdicts) != len(tests):
            raise ServiceError(f"the sandbox judged {len(ran.verdicts)} of {len(tests)} tests")
    except ServiceError as error:
        return {"id": item.id, "error": str(error), "deferred": True, "verdicts": []}
    verdicts = [verdict.verdict for verdict in ran.verdicts]
    return {
        "id": item.id,
        "verdicts": verdicts,
        "trust": ran.trust,
        "seconds": round(ran.seconds, 4),
        "passed": all(verdict == "pass" for verdict in verdicts),
        "flaky": ran.flaky,
        "exceptions": [verdict.exception for verdict in ran.verdicts],
        "faults": [
            fault_of(test, item.program.entry_point, verdict)
            for test, verdict in zip(tests, ran.verdicts, strict=True)
        ],
    }
