"""A harness at work in a process of its own (`measured.py`), and what it costs the machine."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Any

from benchmarks.harness import Case, Seen, Setting
from benchmarks.measure import cpu_below, machine_cpu, reap_orphans
from benchmarks.methods import METHODS
from benchmarks.outer_wall import ROOT, behind_wall
from opencodeinstruct.builder.errors import Missing, ProjectError

WARM_UP = 16  # programs before anything is counted


@dataclass(frozen=True, slots=True)
class Cost:
    """What so many programs cost: wall seconds, CPU seconds of all processes that were at it.

    `machine_cpu_seconds` is what all processes of the machine used meanwhile: on a quiet machine it
    is hardly more, and where it is much more, CPU was not counted or something else was running.
    """

    programs: int
    seconds: float
    cpu_seconds: float
    machine_cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Programs in a second of wall time."""
        return self.programs / self.seconds

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds for a program."""
        return 1000 * self.cpu_seconds / self.programs


NOTHING = Cost(0, 0.0, 0.0, 0.0)


class Session:
    """A harness that waits for orders; see `opened`."""

    def __init__(
        self, process: subprocess.Popen[str], errors: IO[bytes], folder: Path, method: str
    ) -> None:
        self._process, self._errors, self._method = process, errors, method
        self.folder = folder
        """Where the harness has its temporary files, if it is not behind the outer wall."""
        self.version = str(self._news("ready"))

    def load(self, cases: Sequence[Case]) -> None:
        """Give it `cases`."""
        self._order(load=[asdict(case) for case in cases])
        self._news("loaded")

    def run(self, first: int, count: int, done: Callable[[int], None] | None = None) -> Cost:
        """Run `count` of the loaded cases from `first` on, from the start again after the last."""
        if count == 0:
            return NOTHING
        reap_orphans(self._process.pid)
        cpu, machine = cpu_below(os.getpid()), machine_cpu()
        self._order(run=[first, count])
        seconds = float(self._news("ran", done))
        return Cost(count, seconds, cpu_below(os.getpid()) - cpu, machine_cpu() - machine)

    def seen(self) -> list[Seen]:
        """What the harness saw of each case of the last run, in order."""
        self._order(tell=True)
        return [Seen(*one) for one in self._news("seen")]

    @property
    def pid(self) -> int:
        """The process that the harness is driven from, or of the wall around it."""
        return self._process.pid

    def _order(self, **order: Any) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._died() from None

    def _news(self, wanted: str, done: Callable[[int], None] | None = None) -> Any:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            ((kind, given),) = json.loads(line).items()
            if kind == wanted:
                return given
            if kind == "missing":
                raise Missing(
                    f"{self._method}: {given}. "
                    "Run: pip install --no-deps -r benchmarks/requirements.txt"
                )
            if done is not None:
                done(given)
        raise self._died()

    def _died(self) -> ProjectError:
        code = self._process.wait()
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace").strip().rpartition("\n")[2]
        return ProjectError(f"{self._method}: it ended with {code} ({last}). Leave it out: --only")


@contextmanager
def opened(method: str, setting: Setting) -> Iterator[Session]:
    """`method` in a process of its own, warmed up; it and its processes are gone afterwards.

    One that keeps nobody in is behind the outer wall. `Missing` where it has to be installed first.
    """
    command = [sys.executable, "-m", "benchmarks.measured", method, json.dumps(asdict(setting))]
    if not METHODS[method].walled:
        command = behind_wall(command)
    with TemporaryDirectory() as folder, TemporaryFile() as errors:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *paths()])}
        if METHODS[method].walled:
            environment["TMPDIR"] = folder
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT,
            env=environment,
        )
        try:
            yield Session(process, errors, Path(folder), method)
            close(process)
        finally:
            process.kill()
            process.wait()
            reap_orphans(process.pid)


def paths() -> list[str]:
    """What the user put on PYTHONPATH."""
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


def close(process: subprocess.Popen[str]) -> None:
    """Let the harness end by itself, for some seconds."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    with suppress(subprocess.TimeoutExpired):  # it is killed then
        process.wait(timeout=20)
    process.stdout.close()


def warm(session: Session, cases: Sequence[Case], more: Sequence[Case] = ()) -> None:
    """Load `cases` and `more`, and run a few of `cases`: what is done once only has been done."""
    session.load([*cases, *more])
    session.run(0, min(WARM_UP, len(cases)))
