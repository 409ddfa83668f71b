"""What the sandbox holds: memory for each worker, and whether a long run leaves anything behind."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from benchmarks.harness import Case, Setting
from benchmarks.measure import descendants, descriptors_of, memory_of
from benchmarks.session import Session, opened, warm
from benchmarks.watching import Watch

METHOD = "confirm"
EVERY_SECONDS = 0.1
SAMPLES = 10  # of an endurance run
PROBES = 4  # for each worker, so that each has one, very likely
LARGEST_GROWTH = 1.05  # of memory: the interpreter's arenas are not given back at once

IN_TMP = Case(
    "what is in /tmp",
    "import os\n",
    'found = os.statvfs("/tmp")\n'
    "used = (found.f_blocks - found.f_bfree) * found.f_frsize\n"
    "raise ValueError(f'{used} {found.f_files - found.f_ffree} {len(os.listdir(\"/tmp\"))}')\n",
    passes=False,
)
"""Tells by its exception: bytes and inodes in use, names."""


@dataclass(frozen=True, slots=True)
class WorkerMemory:
    """Bytes for each worker, of its processes: idle, and while programs run.

    The parent process, which is the pipeline's own, is apart. `kind` is `pss`, or `rss` where the
    kernel does not let us read the other. The most is of one moment, programs included.
    """

    workers: int
    kind: str
    idle: int
    running: int
    most: int
    parent: int


@dataclass(frozen=True, slots=True)
class Sample:
    """After so many programs: processes, descriptors and memory below the parent and in it.

    `tmp_bytes`, `tmp_inodes` and `tmp_names` are the most seen in a worker's /tmp; `files` those in
    the parent's folder for temporary files. `wrong`: verdicts so far that were not the known ones.
    """

    programs: int
    processes: int
    descriptors: int | None
    parent_descriptors: int | None
    memory: int
    parent_memory: int
    tmp_bytes: int
    tmp_inodes: int
    tmp_names: int
    files: int
    wrong: int

    def grew_since(self, before: "Sample") -> list[str]:
        """What is more than it was `before`."""
        counted = ("processes", "descriptors", "parent_descriptors", "tmp_bytes", "tmp_inodes")
        grown = [
            name
            for name in (*counted, "tmp_names", "files")
            if (getattr(self, name) or 0) > (getattr(before, name) or 0)
        ]
        for name in ("memory", "parent_memory"):
            if getattr(self, name) > LARGEST_GROWTH * getattr(before, name):
                grown.append(name)
        return grown


def measure_memory(workers: int, cases: Sequence[Case], watch: Watch) -> WorkerMemory:
    """The memory of `workers` workers before, and while, they run `cases`."""
    setting = Setting(workers=workers)
    name = f"memory x{workers}"
    with watch.task(name, len(cases)) as done, opened(METHOD, setting) as session:
        warm(session, cases)
        below = below_of(session)
        idle, parent = memory_of(below), memory_of([session.pid])
        with sampling(session) as samples:
            session.run(0, len(cases), done)
    return WorkerMemory(
        workers,
        "rss" if idle.pss is None else "pss",
        idle.best // workers,
        int(median(samples)) // workers,
        max(samples) // workers,
        parent.best,
    )


@contextmanager
def sampling(session: Session) -> Iterator[list[int]]:
    """The bytes of all processes below the parent, taken again and again while the body runs."""
    samples = [memory_of(below_of(session)).best]
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(EVERY_SECONDS):
            samples.append(memory_of(below_of(session)).best)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()


def below_of(session: Session) -> list[int]:
    """The processes that the sandbox has, wherever they hang in the tree."""
    own = {os.getpid(), session.pid}
    return [one.pid for one in descendants(os.getpid()) if one.pid not in own and one.state != "Z"]


def measure_endurance(
    programs: int, workers: int, cases: Sequence[Case], watch: Watch
) -> list[Sample]:
    """`cases` again and again until there were `programs`; a sample after each tenth of them.

    The first sample is taken before: once all of it has been warmed up.
    """
    samples: list[Sample] = []
    probes = [IN_TMP] * (PROBES * workers)
    setting, name = Setting(workers=workers), f"endurance x{workers}"
    with watch.task(name, programs) as done, opened(METHOD, setting) as session:
        warm(session, cases, probes)
        ran, wrong = 0, 0
        while True:
            samples.append(sample_of(session, len(cases), len(probes), ran, wrong))
            if ran >= programs:
                return samples
            chunk = min(max(1, programs // SAMPLES), programs - ran)
            for start, count in stretches(ran % len(cases), chunk, len(cases)):
                session.run(start, count, done)
                pairs = zip(cases[start : start + count], session.seen(), strict=True)
                wrong += sum(case.passes != one.passed for case, one in pairs)
            ran += chunk


def stretches(first: int, count: int, length: int) -> Iterator[tuple[int, int]]:
    """Where to start and how many to run, so that `count` of `length` are run in a circle."""
    while count:
        most = min(count, length - first)
        yield first, most
        first, count = (first + most) % length, count - most


def sample_of(session: Session, at: int, probes: int, programs: int, wrong: int) -> Sample:
    """What the sandbox holds now; from `at` on lie `probes` cases that look into /tmp."""
    session.run(at, probes)
    looks = [[int(number) for number in one.why.split()[-3:]] for one in session.seen()]
    tmp_bytes, inodes, names = map(max, zip(*looks, strict=True))
    below = below_of(session)
    return Sample(
        programs,
        len(below),
        descriptors_of(below),
        descriptors_of([session.pid]),
        memory_of(below).best,
        memory_of([session.pid]).best,
        tmp_bytes,
        inodes,
        names,
        sum(1 for path in session.folder.rglob("*") if path.is_file()),
        wrong,
    )
