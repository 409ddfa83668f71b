"""The command line called in this process: its exit code, what it printed, what its run holds."""

import io
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import yaml

from opencodeinstruct.tools.cli import app
from opencodeinstruct.tools.endings import guarded
from opencodeinstruct.tools.outcome import Row
from opencodeinstruct.tools.plan import STAGES
from opencodeinstruct.tools.run_folder import RunFolder
from tests.endpoint import Body
from tests.pipeline import hashes

QUICK = {
    "name": "test-model",
    "attempts": 2,
    "first_wait_seconds": 0.01,
    "patience_seconds": 0.2,
}
"""A model's settings in tests: a failure that lasts is one after milliseconds."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that says what was wrong."""
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, self.err
        assert self.err.rstrip().endswith(lines[0]), self.err
        return lines[0]


def call(*arguments: str | Path) -> Ended:
    """Call the command line with `arguments`; there is never a traceback."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = guarded(lambda: app([str(argument) for argument in arguments]))
    ended = Ended(code, out.getvalue(), err.getvalue())
    assert "Traceback" not in ended.err + ended.out
    return ended


def quick_recipe(folder: Path, base_url: str, *, problems: int = 3, **changes: object) -> Path:
    """A recipe of `problems` questions that are ready, none of them evolved, against `base_url`."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f'{{"statement": "Write a function `take_{n}` that takes an integer `x` and returns {word} '
        f'{n} times.", "head": "def take_{n}(x: int) -> int"}}'
        for n, word in zip(range(2, 2 + problems), _WORDS * problems, strict=False)
    ]
    (folder / "problems.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    recipe: dict[str, object] = {
        "name": "quick",
        "model": {**QUICK, "base_url": base_url},
        "rows_per_part": 4,
        "benchmarks": [],
        "seeds": [
            {
                "kind": "problems",
                "path": "problems.jsonl",
                "fields": {"input": "statement", "signature": "head"},
                "license": "CC0-1.0",
            }
        ],
        "topics": [],  # a ready question asks the model nothing
        "evolve": {"generations": 0},
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**recipe, **changes}), encoding="utf-8")
    return path


_WORDS = (
    "the number of apples that an orchard of that many old trees gives in a year of drought",
    "what a clock strikes when the hand that shows its minutes has gone around so many",
    "how many letters a postman with two bags carries up the hill before noon, walking",
    "the sum of the widths of planks that a fence along a winding river may need, if stacked",
    "the pages of a diary whose writer skips each rainy day but doubles what was written",
)


def stage_of(body: Body) -> str:
    """The stage whose request `body` is; `trial` for the estimate's."""
    system = body["messages"][0]["content"]
    for stage, mark in (
        ("judge", "reviewer"),
        ("respond", "careful Python programmer"),
        ("testgen", "write unit tests"),
        ("trial", "Write the numbers from"),
        ("crossover", "invent new"),
    ):
        if mark in system:
            return stage
    return "mutate" if "out of old ones" in system else "instruct"


def run_folder(path: Path) -> RunFolder:
    """The run in `path`."""
    return RunFolder(path, STAGES)


def rejects(path: Path, stage: str) -> list[Row]:
    """The rows that a stage of the run in `path` dropped, with reason and evidence."""
    folder = run_folder(path).stage(stage).path / "rejects"
    return [row for part in sorted(folder.glob("*.parquet")) for row in _rows(part)]


def kept(path: Path, stage: str) -> list[Row]:
    """The rows that a complete stage of the run in `path` kept."""
    return [row for part in run_folder(path).stage(stage).parts() for row in _rows(part)]


def _rows(part: Path) -> list[Row]:
    return list(pq.read_table(part).to_pylist())


def adds_up(run: Path) -> None:
    """Every row of every complete stage came from the one before, and went on or was dropped."""
    entered: Counter[str] = Counter()
    for name in STAGES:
        stage = run_folder(run).stage(name)
        if not stage.is_complete():
            return
        counts, went_on, dropped = stage.counts(), kept(run, name), rejects(run, name)
        assert (counts.kept, sum(counts.dropped.values())) == (len(went_on), len(dropped))
        assert Counter(row["reject_reason"] for row in dropped) == counts.dropped
        assert all(row["reject_reason"] for row in dropped)
        ids = Counter(row["id"] for row in went_on)
        if name not in ("seeds", "instruct", "evolve"):  # these give a row another id, or make it
            assert ids + Counter(row["id"] for row in dropped) == entered
        entered = ids


def of_rows(run: Path) -> dict[str, str]:
    """The hashes of all that a run made but its recipe, which says where the model is served."""
    return {path: its for path, its in hashes(run).items() if path != "recipe.yaml"}


def same_stages(run: Path, undisturbed: dict[str, str]) -> None:
    """Whatever stages of `run` are complete hold the same bytes as in the undisturbed run."""
    mine = of_rows(run)
    for name in STAGES:
        if run_folder(run).stage(name).is_complete():
            folder = run_folder(run).stage(name).path.name
            wanted = {path: its for path, its in undisturbed.items() if path.startswith(folder)}
            assert {path: its for path, its in mine.items() if path.startswith(folder)} == wanted


def flat(text: str) -> str:
    """What was said, without the frames and line breaks that a terminal's width gives it."""
    return " ".join(text.replace("│", " ").split())
