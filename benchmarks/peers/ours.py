"""The project's sandbox, under each of its policies."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Literal

from benchmarks.harness import Case, Harness, Method, Seen, Setting, version_of
from benchmarks.outer_wall import bubblewrap
from opencodeinstruct.builder.errors import ServiceError
from opencodeinstruct.tools.ports import Limits, Program, RunResult
from opencodeinstruct.tools.sandbox import Sandbox

Policy = Literal["confirm", "split", "screen"]
AHEAD = 2  # programs for each worker that wait for it, so that it never waits for one
WALL_FACTOR = 10  # wall seconds for each second of CPU

EVERYWHERE = Program(  # two processes cannot be asked this, so it is run in all ways
    "def size(x): return x.size", ("class Own:\n    size = 3\nassert size(Own()) == 3",)
)


@contextmanager
def opened(setting: Setting, policy: Policy) -> Iterator[Harness]:
    """A sandbox of `workers` workers, open."""
    limits = Limits(
        cpu_seconds=setting.seconds,
        wall_seconds=WALL_FACTOR * setting.seconds,
        memory_mib=setting.memory_mib,
        total_seconds=setting.seconds,
    )
    sandbox = Sandbox(workers=setting.workers, packages=setting.packages, policy=policy)
    with asyncio.Runner() as runner:
        runner.run(sandbox.__aenter__())
        try:
            runner.run(start(sandbox, setting.workers))
            yield lambda cases, done: runner.run(run(sandbox, setting, limits, cases, done))
        finally:
            runner.run(sandbox.__aexit__(None, None, None))


async def start(sandbox: Sandbox, workers: int) -> None:
    """Have every worker start all of its servers, which it would do when it first needed them."""
    await asyncio.gather(*(sandbox(EVERYWHERE) for _ in range(workers)))


async def run(
    sandbox: Sandbox,
    setting: Setting,
    limits: Limits,
    cases: Sequence[Case],
    done: Callable[[], None],
) -> list[Seen]:
    """Every case, with a few more under way than there are workers."""
    waiting = iter(enumerate(cases))
    seen: dict[int, Seen] = {}

    async def feed() -> None:
        for index, case in waiting:
            program = Program(case.code, (case.test,), case.entry_point, limits)
            try:
                seen[index] = seen_of(await sandbox(program))
            except ServiceError as error:  # a verdict that is missing: shown as a disagreement
                seen[index] = Seen(passed=False, why=f"ServiceError: {error}")
            done()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(setting.workers * AHEAD):
            tasks.create_task(feed())
    return [seen[index] for index in range(len(cases))]


def seen_of(result: RunResult) -> Seen:
    """What `result` says of a program with one test."""
    (verdict,) = result.verdicts
    passed = verdict.verdict == "pass"
    why = "" if passed else f"{verdict.verdict}: {verdict.exception or ''}".rstrip(": ")
    return Seen(passed, why + (" (flaky)" if result.flaky else ""), result.seconds, verdict.trust)


def version() -> str:
    """The versions of the project and of bubblewrap."""
    return f"{version_of('opencodeinstruct')}, {bubblewrap().version}"


def method(policy: Policy) -> Method:
    """The sandbox under `policy`."""
    return Method(version=version, open=partial(opened, policy=policy))


SCREEN = method("screen")
SPLIT = method("split")
CONFIRM = method("confirm")
