"""The command `dedup` on files of texts: whole or damaged, new or known."""

import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.tools.cli import app
from opencodeinstruct.tools.dedup_file import DedupJob, DedupReport, dedup_file

LONG = (
    "Write a function that takes the list of parcels on a van and returns the order in which the"
    " driver should hand them over so that no parcel has to be moved twice during the whole tour"
)
LIKE = LONG.replace("tour", "trip")
MIXED = [
    json.dumps({"q": LONG}),
    "{not json",
    json.dumps({"q": None}),
    json.dumps({"other": LONG}),
    "",
    json.dumps({"q": 5}),
    '["q"]',
    json.dumps({"q": LIKE}),
    json.dumps({"q": "\ud800 odd \0"}),
    json.dumps({"q": "\ud800  ODD \0"}),
    json.dumps({"q": "short"}),
]


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def jsonl(path: Path, texts: list[str]) -> Path:
    return written(path, [json.dumps({"q": text}) for text in texts])


def dedup(
    source: Path, out: Path, *, against: Path | None = None, index: Path | None = None
) -> DedupReport:
    job = DedupJob(source, "q", out, against=against, index=index)
    return dedup_file(job, lambda what, done: None)


def groups(out: Path) -> dict[int, tuple[int, bool]]:
    found = pq.read_table(out / "groups.parquet")
    assert found.column_names == ["row", "group", "kept"]
    return {row["row"]: (row["group"], row["kept"]) for row in found.to_pylist()}


def invoke(*args: object) -> Result:
    return CliRunner().invoke(app, ["dedup", *map(str, args)])


def test_bad_lines_cost_no_other_row_and_are_counted(tmp_path: Path) -> None:
    report = dedup(written(tmp_path / "rows.jsonl", MIXED), tmp_path / "out")
    found = groups(tmp_path / "out")
    assert sorted(found) == [0, 1, 2, 3, 5, 6, 7, 8, 9, 10]  # line 4 is blank
    assert {row for row, (_, kept) in found.items() if not kept} == {7, 9}
    assert (found[7][0], found[9][0]) == (0, 8)
    assert report.without_text.keys() == {
        "line that is no JSON",
        "line that is no JSON object",
        "null",
        "row without 'q'",
        "value that is no text",
    }
    repeats = pq.read_table(tmp_path / "out" / "repeats.parquet").to_pylist()
    assert [(one["row"], one["repeats"]) for one in repeats] == [(7, 0), (9, 8)]


@pytest.mark.parametrize("form", ["jsonl", "gz", "parquet", "large", "dictionary", "binary"])
def test_every_form_of_a_file_gives_the_same(tmp_path: Path, form: str) -> None:
    texts = [LONG, "other", LIKE, "OTHER"]
    path = tmp_path / f"rows.{form}"
    if form == "jsonl":
        jsonl(path, texts)
    elif form == "gz":
        path.write_bytes(gzip.compress(jsonl(tmp_path / "x", texts).read_bytes()))
    else:
        column = pa.array(texts)
        column = {
            "parquet": lambda: column,
            "large": lambda: column.cast(pa.large_string()),
            "dictionary": column.dictionary_encode,
            "binary": lambda: column.cast(pa.binary()),
        }[form]()
        pq.write_table(pa.table({"q": column}), path, row_group_size=2)
    dedup(path, tmp_path / "out")
    assert groups(tmp_path / "out") == {0: (0, True), 1: (1, True), 2: (0, False), 3: (1, False)}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.jsonl", b'{"question": "x"}\n', "no field 'q'; it has question"),
        ("rows.jsonl", b"\x00\x01\x02 nothing\n", "no line is a JSON object"),
        ("rows.parquet", b"PAR1 broken", "cannot be read"),
        ("rows.parquet", b"nothing of the kind", "cannot be read"),
        (None, b"", "is not there"),
    ],
)
def test_a_file_that_cannot_be_meant_is_one_line(
    tmp_path: Path, name: str | None, content: bytes, said: str
) -> None:
    if name:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ProjectError, match=said) as caught:
        dedup(tmp_path / (name or "absent.jsonl"), tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out" / "summary.json").exists()


def test_a_column_that_is_no_text_and_one_that_is_absent(tmp_path: Path) -> None:
    pq.write_table(pa.table({"q": [1, 2], "text": ["a", "b"]}), tmp_path / "rows.parquet")
    with pytest.raises(ProjectError, match="'q' holds int64, not text"):
        dedup(tmp_path / "rows.parquet", tmp_path / "out")
    with pytest.raises(ProjectError, match=r"no field 'texts'.*Did you mean 'text'"):
        dedup_file(
            DedupJob(tmp_path / "rows.parquet", "texts", tmp_path / "out"), lambda what, done: None
        )


def test_files_of_no_and_of_one_row(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_bytes(b"")
    assert dedup(tmp_path / "empty.jsonl", tmp_path / "none").rows == 0
    assert groups(tmp_path / "none") == {}
    pq.write_table(pa.table({"q": pa.array([], pa.string())}), tmp_path / "empty.parquet")
    assert dedup(tmp_path / "empty.parquet", tmp_path / "none").rows == 0
    dedup(jsonl(tmp_path / "one.jsonl", [LONG]), tmp_path / "one")
    assert groups(tmp_path / "one") == {0: (0, True)}


def test_duplicates_are_found_across_batches_and_beside_a_huge_row(tmp_path: Path) -> None:
    texts = [f"{n} is a text of its own, number {n} of many" for n in range(9000)]
    texts[10] = LONG
    texts[8999] = LIKE
    texts[5000] = "long " * 2_500_000
    path = jsonl(tmp_path / "rows.jsonl", texts)
    report = dedup(path, tmp_path / "out")
    found = groups(tmp_path / "out")
    assert found[8999] == (10, False)
    assert (report.rows, report.kept) == (9000, 8999)
    table = pa.table({"q": texts})
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=4000)
    dedup(tmp_path / "rows.parquet", tmp_path / "again")
    assert groups(tmp_path / "again") == found


def test_a_gzip_that_ends_too_early_keeps_what_came_before(tmp_path: Path) -> None:
    whole = gzip.compress(jsonl(tmp_path / "x", [LONG, LIKE, *map(str, range(5000))]).read_bytes())
    (tmp_path / "rows.jsonl.gz").write_bytes(whole[:-2000])
    report = dedup(tmp_path / "rows.jsonl.gz", tmp_path / "out")
    assert report.kept < report.rows > 2
    assert "file that ends too early" in report.without_text


def test_known_texts_stay_and_an_index_grows(tmp_path: Path) -> None:
    old = jsonl(tmp_path / "old.jsonl", [LONG, "old"])
    new = jsonl(tmp_path / "new.jsonl", ["new", LIKE, "OLD", "new "])
    report = dedup(new, tmp_path / "out", against=old)
    assert [kept for _, kept in groups(tmp_path / "out").values()] == [True, False, False, False]
    assert (report.known, report.exact, report.near) == (2, 2, 1)
    index = tmp_path / "index"
    assert dedup(old, tmp_path / "out", index=index).kept == 2
    assert dedup(new, tmp_path / "out", index=index).kept == 1
    assert dedup(new, tmp_path / "out", index=index).kept == 1  # itself in the index is no twin
    third = jsonl(tmp_path / "third.jsonl", ["NEW", "third"])
    assert dedup(third, tmp_path / "out", index=index).kept == 1
    with pytest.raises(ProjectError, match="made under other settings"):
        dedup_file(
            DedupJob(third, "q", tmp_path / "out", ngram_words=4, index=index),
            lambda what, done: None,
        )


def test_the_command_says_what_it_found(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "rows.jsonl", [LONG, LIKE, "x"])
    result = invoke(path, "--field", "q", "--threshold", "0.7", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "expected to miss 1.01% of pairs at 0.7" in result.stdout
    assert "group 0, 2 rows: Write a function" in result.stdout
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["rows"], summary["kept"], summary["near"]) == (3, 2, 1)


@pytest.mark.parametrize("args", [["--out", "x"], ["--field", "q"]])
def test_a_file_needs_a_field_and_a_place(tmp_path: Path, args: list[str]) -> None:
    result = invoke(jsonl(tmp_path / "rows.jsonl", [LONG]), *args)
    assert result.exit_code == 2


def test_killed_at_any_moment_it_leaves_whole_files_or_none(tmp_path: Path) -> None:
    texts = [f"{LONG} {n}" if n % 3 else f"text {n} alone" for n in range(3000)]
    path = jsonl(tmp_path / "rows.jsonl", texts)
    command = [sys.executable, "-m", "opencodeinstruct.tools", "dedup", str(path)]
    command += ["--field", "q", "--out", str(tmp_path / "out")]
    for seconds in (0.5, 2.0, 3.0):
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ
        ) as process:
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
        if (tmp_path / "out" / "summary.json").exists():
            assert len(groups(tmp_path / "out")) == 3000
    dedup(path, tmp_path / "out")
    found = groups(tmp_path / "out")
    dedup(path, tmp_path / "other")
    assert groups(tmp_path / "other") == found
    assert not list((tmp_path / "out").glob(".*"))
