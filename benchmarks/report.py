"""The tables of the execution benchmark, as Markdown that is read in a terminal too."""

from collections.abc import Sequence
from statistics import median

from rich.table import Table

from benchmarks.agreement import Agreement
from benchmarks.footprint import Sample, WorkerMemory
from benchmarks.methods import METHODS
from benchmarks.ratios import HELD, Held, Ratio, ratio_of
from benchmarks.speed import WHOLE, ProgramSet, Run, Speeds
from benchmarks.tables import table

MIB = 1 << 20


def speed_tables(speeds: Speeds, sets: Sequence[ProgramSet], workers: Sequence[int]) -> list[Table]:
    """A table for each set of programs and number of workers: medians of the rounds."""
    return [
        speed_table(speeds, programs, count)
        for programs in sets
        for count in workers
        if any((run.programs, run.workers) == (programs.name, count) for run in speeds.runs)
    ]


def speed_table(speeds: Speeds, programs: ProgramSet, workers: int) -> Table:
    """A row for each method: programs/s and CPU, with and without the slow programs."""
    rows = []
    for method, named in METHODS.items():
        runs = [
            run
            for run in speeds.runs
            if (run.method, run.programs, run.workers) == (method, programs.name, workers)
        ]
        if runs:
            version = speeds.versions[method].partition(",")[0]
            rows.append([f"{named.title} ({version})", *figures(runs)])
    at_once = "1 worker" if workers == 1 else f"{workers} workers"
    title = (
        f"{len(programs.cases):,} programs, {programs.pass_rate:.0%} pass, "
        f"{at_once}; without the {len(programs.slow)} that are slow in brackets"
    )
    columns = ("method", "programs/s", "CPU ms each", "least to most", "wrong")
    return table(title, columns, rows, left=1)


def figures(runs: Sequence[Run]) -> list[str]:
    """Medians over the rounds of one method, and the spread of its CPU."""
    everything = [run.all.cpu_ms for run in runs]
    return [
        f"{median(run.all.per_second for run in runs):.1f}"
        f" ({median(run.quick.per_second for run in runs):.1f})",
        f"{median(everything):.2f} ({median(run.quick.cpu_ms for run in runs):.2f})",
        f"{min(everything):.2f} to {max(everything):.2f}",
        str(max(len(run.wrong) for run in runs)),
    ]


def ratio_tables(speeds: Speeds, workers: Sequence[int]) -> list[Table]:
    """What is asked of the sandbox, beside what was measured; no table where nothing of it was."""
    rows = [
        [held.title, str(count), held.asked, shown(held, everything), shown(held, quick)]
        for held in HELD
        for count in workers
        if (everything := ratio_of(held, speeds.runs, count, "all"))
        and (quick := ratio_of(held, speeds.runs, count, "quick"))
    ]
    columns = ("ratio", "workers", "asked", "all programs", "without the slow")
    return [table("Held to", columns, rows, left=3)] if rows else []


def shown(held: Held, ratio: Ratio) -> str:
    """The median, the spread, and whether it is within the bound."""
    kept = "reached" if held.holds(ratio.median) else "MISSED"
    return f"{ratio.median:.2f} ({ratio.least:.2f} to {ratio.most:.2f}) {kept}"


def agreement_tables(found: Sequence[Agreement], seconds: float) -> list[Table]:
    """How far each method agrees; then every disagreement, and every pass of weaker trust."""
    rows = [
        [
            METHODS[one.method].title,
            f"{one.programs - len(one.disagreements):,} of {one.programs:,}",
            ", ".join(f"{trust} {count:,}" for trust, count in sorted(one.trust.items())),
        ]
        for one in found
    ]
    title = f"Agreement with the known verdicts, time limit {seconds:g} s"
    tables = [table(title, ("method", "agrees", "passes by trust"), rows, left=3)]
    different = [
        [METHODS[one.method].title, other.uid, other.known, other.seen, other.why[:200]]
        for one in found
        for other in one.disagreements
    ]
    if different:
        columns = ("method", "program", "known", "seen", "why")
        tables.append(table("Disagreements", columns, different, left=5))
    weaker = [[METHODS[one.method].title, *item] for one in found for item in one.weaker.items()]
    if weaker and any(one.method != "screen" and one.weaker for one in found):
        rows = [row for row in weaker if row[0] != METHODS["screen"].title]
        tables.append(table("Passes of weaker trust", ("method", "program", "trust"), rows, left=3))
    return tables


def memory_table(found: Sequence[WorkerMemory]) -> Table:
    """MiB for each worker, and of the parent."""
    rows = [
        [str(one.workers), one.kind.upper()]
        + [f"{size / MIB:.1f}" for size in (one.idle, one.running, one.most, one.parent)]
        for one in found
    ]
    columns = ("workers", "counted as", "idle", "running", "most", "parent process")
    return table("Memory for each worker, MiB; asked: under 80", columns, rows, left=2)


def endurance_table(samples: Sequence[Sample]) -> Table:
    """A row for each sample; the title says whether anything grew."""
    grown = samples[-1].grew_since(samples[min(1, len(samples) - 1)])
    rows = [
        [
            f"{one.programs:,}",
            str(one.processes),
            f"{number(one.descriptors)} + {number(one.parent_descriptors)}",
            f"{one.memory / MIB:.1f} + {one.parent_memory / MIB:.1f}",
            f"{one.tmp_bytes} B, {one.tmp_inodes} inodes, {one.tmp_names} names",
            str(one.files),
            str(one.wrong),
        ]
        for one in samples
    ]
    columns = ("programs", "processes", "descriptors", "memory MiB", "/tmp", "files", "wrong")
    verdict = f"GREW: {', '.join(grown)}" if grown else "flat"
    title = f"Endurance (workers + parent): {verdict} from the second sample to the last"
    return table(title, columns, rows, left=1)


def number(count: int | None) -> str:
    """`count`, or what stands for one that the kernel does not tell."""
    return "?" if count is None else str(count)


def left_out_lines(speeds: Speeds) -> list[str]:
    """A line for each method that was not run."""
    return [f"Left out: {why}" for why in speeds.left_out.values()]


def slow_line(programs: ProgramSet) -> str:
    """Which programs count as slow."""
    names = ", ".join(case.uid for case in programs.slow)
    return f"Slow (more than half of the time limit) of the {WHOLE} set: {names or 'none'}"
