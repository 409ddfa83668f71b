"""`import`: a release of the published layout as a dataset folder, whatever stops it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from opencodeinstruct import load
from opencodeinstruct.builder.errors import ProjectError, RunFolderError
from opencodeinstruct.builder.id_numbers import id_numbers
from opencodeinstruct.builder.manifest import read_manifest, verify
from opencodeinstruct.builder.subsets import SUBSETS
from opencodeinstruct.tools import import_release as importing
from opencodeinstruct.tools.cli import app
from opencodeinstruct.tools.hub.snapshot import RemoteFile
from opencodeinstruct.tools.import_release import (
    ImportReport,
    find_release,
    import_release,
    rows_of,
)
from opencodeinstruct.tools.stages.build import BuildSettings
from tests.hub import Fault, LocalHub
from tests.release_rows import SCHEMA, release_row

SETTINGS = BuildSettings(license="cc-by-4.0", pretty_name="A release")
ODD: list[dict[str, Any]] = [
    {"llm_judgement": "none of it"},
    {"tests_execution_status": '["pass"]'},
    {"unit_tests": "[]", "tests_execution_status": "[]"},
    {"domain": "other"},
    {"domain": None, "llm_judgement": None, "tests_execution_status": None},
    {"average_test_score": float("nan")},
    {"id": None},
    {"output": "Sorry."},
    {"input": None},
]
ROWS = [release_row(number, **change) for number, change in enumerate(ODD)]
ROWS += [release_row(number) for number in range(100, 400)]
ROWS += [release_row(100)]  # twice


def write(folder: Path, rows: list[dict[str, Any]] = ROWS, files: int = 4) -> Path:
    (folder / "data").mkdir(parents=True)
    for number in range(files):
        table = pa.Table.from_pylist(rows[number::files], schema=SCHEMA)
        name = f"train-{number:05d}-of-{files:05d}.parquet"
        pq.write_table(table, folder / "data" / name, row_group_size=50)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ImportReport]:
    place = tmp_path_factory.mktemp("import")
    source = find_release(str(write(place / "release")))
    report = import_release(source, place / "dataset", workers=2, settings=SETTINGS)
    return place / "dataset", report


def test_no_row_is_lost_and_what_was_not_read_is_counted(
    imported: tuple[Path, ImportReport],
) -> None:
    folder, report = imported
    tables = [
        pq.read_table(path, partitioning=None) for path in folder.glob("data/*/*/*/*.parquet")
    ]
    rows = pa.concat_tables(tables)
    assert rows.num_rows == report.rows == read_manifest(folder).rows == len(ROWS)
    assert Counter(rows["output"].to_pylist()) == Counter(row["output"] for row in ROWS)
    assert report.findings.rows["judgement_unreadable"] == 2
    assert report.findings.rows["odd_domain"] == 2
    assert report.findings.rows["same_id"] == 1
    assert report.findings.rows["no_id"] == 1
    assert verify(folder).whole


def test_the_card_of_a_release_shows_nothing_of_what_its_rows_do_not_say(
    imported: tuple[Path, ImportReport],
) -> None:
    text = (imported[0] / "README.md").read_text().split("---\n", 2)[2]
    assert "No row says which models wrote it." in text
    assert "\n| none |" not in text and "`none`" not in text
    assert "generations.png" not in text and not (imported[0] / "plots/generations.png").exists()
    assert str(imported[0].parent) not in text  # where it lay on this machine


def test_the_command_says_what_it_reads_what_it_found_and_what_next(tmp_path: Path) -> None:
    release = write(tmp_path / "release", ROWS[:12], 1)
    out = str(tmp_path / "out")
    done = CliRunner().invoke(app, ["import", str(release), "--out", out])
    assert done.exit_code == 0, done.output
    assert "1 file," in done.output
    assert f"opencodeinstruct stats {out}" in done.output
    assert rows_of(find_release(str(release))) == 12


def test_ids_that_differ_have_different_numbers_wherever_they_stand() -> None:
    words = [f"{n:08x}" for n in range(100)]
    ids = [f"{one}{other}{'0' * 16}" for one in words for other in words]
    ids += [f"{n:032x}" for n in range(10_000, 20_000)] + ["", "é" * 16, "x" * 31, "x" * 33]
    numbers = id_numbers(pa.chunked_array([ids[:7], ids[7:]]))
    assert len(set(numbers.tolist())) == len(ids)
    part = id_numbers(pa.chunked_array([ids]).slice(9_990, 20))
    assert part.tolist() == numbers[9_990:10_010].tolist()


def test_rows_that_do_not_say_have_a_place_and_are_in_no_subset_that_asks(
    imported: tuple[Path, ImportReport], tmp_path: Path
) -> None:
    folder, _ = imported
    assert list(folder.glob("data/domain=unknown/judge=unknown/pass=unknown/*.parquet"))
    rows = load(folder, cache_dir=tmp_path, quiet=True)
    assert rows.num_rows == len(ROWS)
    known = [row for row in rows if None not in (row["judge_score"], row["pass_rate"])]
    for rate, judge in ((0.9, 5), (0.0, 1), (0.7, 3)):
        chosen = load(
            folder, min_pass_rate=rate, min_judge_score=judge, cache_dir=tmp_path, quiet=True
        )
        assert Counter(chosen["id"]) == Counter(
            row["id"] for row in known if row["pass_rate"] >= rate and row["judge_score"] >= judge
        )


def test_its_card_has_every_subset_with_its_rows_and_says_where_it_comes_from(
    imported: tuple[Path, ImportReport], tmp_path: Path
) -> None:
    folder, report = imported
    rows = load(folder, cache_dir=tmp_path, quiet=True).to_list()
    text = (folder / "README.md").read_text()
    card = yaml.safe_load(text.split("---\n")[1])
    told = {info["config_name"]: info["splits"][0]["num_examples"] for info in card["dataset_info"]}
    assert told == {one.name: sum(one.holds(row) for row in rows) for one in SUBSETS}
    assert told == dict(report.built.counts)
    assert card["license"] == "cc-by-4.0"
    assert card["source_datasets"] == ["nvidia/OpenCodeInstruct"]
    assert "| `judgement_unreadable` | 2 |" in text


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=40))
def test_every_file_is_in_one_unit_in_order(sizes: list[int]) -> None:
    listed = tuple(RemoteFile(f"{n:03}.parquet", size, None) for n, size in enumerate(sizes))
    units = importing._units(importing.Source("a", "/a", None, listed), Path("/staging"))
    assert tuple(file for unit in units for file in unit.files) == listed
    assert all(unit.files for unit in units)


def test_units_are_even_where_files_are_about_even() -> None:
    sizes = (99, 98, 100, 99, 98, 101, 100, 102, 101, 100)  # half of the bytes: the sixth begins
    listed = tuple(RemoteFile(f"{n}.parquet", size, None) for n, size in enumerate(sizes))
    units = importing._units(importing.Source("a", "/a", None, listed), Path("/staging"))
    assert [len(unit.files) for unit in units] == [5, 5]


def test_what_comes_out_does_not_depend_on_processes_or_kills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = write(tmp_path / "release", ROWS[:40], 3)
    monkeypatch.setattr(importing, "UNIT_BYTES", 1)  # a unit for each file
    for name, workers in (("one", 1), ("two", 2)):
        source = find_release(str(release))
        import_release(source, tmp_path / name, workers=workers, settings=SETTINGS)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    killed = tmp_path / "killed"
    program = (
        "import sys; from pathlib import Path\n"
        "from opencodeinstruct.tools import import_release as importing\n"
        "from opencodeinstruct.tools.stages.build import BuildSettings\n"
        "if __name__ == '__main__':\n"
        "    importing.UNIT_BYTES = 1\n"
        "    settings = BuildSettings(license='cc-by-4.0', pretty_name='A release')\n"
        "    source = importing.find_release(sys.argv[1])\n"
        "    importing.import_release(source, Path(sys.argv[2]), workers=1, settings=settings)\n"
    )
    script = tmp_path / "program.py"
    script.write_text(program)
    root = Path(__file__).resolve().parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONWARNINGS": "ignore"}
    staging = tmp_path / ".killed.importing"

    def kill_when(happened: Callable[[], bool]) -> bool:
        """Begin, or go on, and be killed at that moment; false where the end came first."""
        with subprocess.Popen(
            [sys.executable, script, release, killed], env=environment
        ) as process:
            while process.poll() is None:
                if happened():
                    process.send_signal(signal.SIGKILL)
                    break
        return process.returncode != 0

    def files(pattern: str) -> int:
        return len(list(staging.glob(pattern)))

    assert kill_when(lambda: files("plan.json") == 1)
    assert kill_when(lambda: files("unit-*/**/*") > 0)
    kill_when(lambda: files("*.report") > 0)
    kill_when(lambda: files("*.report") > 1)
    kill_when(lambda: files("dataset/**/*.parquet") > 0)
    kill_when((killed / "README.md").exists)
    if not killed.exists() or staging.exists():
        assert not kill_when(lambda: False)
    assert contents(killed) == contents(tmp_path / "one")
    assert not staging.exists()


def test_killed_after_the_folder_had_its_name_the_same_call_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = write(tmp_path / "release", ROWS[:20], 2)
    source = find_release(str(release))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(importing, "_clear", killed)
    with pytest.raises(KeyboardInterrupt):
        import_release(source, tmp_path / "out", workers=1, settings=SETTINGS)
    monkeypatch.undo()
    before = contents(tmp_path / "out")
    report = import_release(source, tmp_path / "out", workers=1, settings=SETTINGS)
    assert (report.rows, report.built.folder) == (20, tmp_path / "out")
    assert contents(tmp_path / "out") == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    with pytest.raises(RunFolderError, match="is there already"):
        import_release(source, tmp_path / "out", workers=1, settings=SETTINGS)


def test_a_folder_that_is_there_and_another_source_are_refused(tmp_path: Path) -> None:
    release = write(tmp_path / "release", ROWS[:20], 1)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").touch()
    source = find_release(str(release))
    with pytest.raises(RunFolderError, match="is there already"):
        import_release(source, tmp_path / "there", workers=1, settings=SETTINGS)
    staging = tmp_path / ".new.importing"
    staging.mkdir()
    (staging / "plan.json").write_text(json.dumps({"version": 1, "source": "another"}))
    with pytest.raises(RunFolderError, match="of something else"):
        import_release(source, tmp_path / "new", workers=1, settings=SETTINGS)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProjectError, match="holds no Parquet files"):
        find_release(str(tmp_path / "empty"))


def test_a_damaged_file_is_named_and_the_others_are_not_read_again(tmp_path: Path) -> None:
    release = write(tmp_path / "release", ROWS[:40], 2)
    path = release / "data" / "train-00001-of-00002.parquet"
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2])
    with pytest.raises(ProjectError, match=r"train-00001-of-00002\.parquet: cannot be read"):
        import_release(find_release(str(release)), tmp_path / "out", workers=1, settings=SETTINGS)


def test_it_reads_a_repository_at_one_commit_through_faults(tmp_path: Path) -> None:
    release = write(tmp_path / "release", ROWS[:60], 3)
    files = {path.relative_to(release).as_posix(): path for path in release.rglob("*.parquet")}
    with LocalHub(tmp_path / "hub") as hub:
        hub.put("nvidia/OpenCodeInstruct", dict(files))
        hub.faults.add(Fault(path="/lfs|/resolve/", method="GET", status=503, times=2))
        hub.faults.add(Fault(path="/cdn|/resolve/", method="GET", cut="download", after=1, times=1))
        done = hub.python(
            "from opencodeinstruct.tools.cli import main; main()",
            "import",
            "nvidia/OpenCodeInstruct",
            "--out",
            tmp_path / "out",
        )
        assert "60 rows" in done.ok()
        assert "bytes to read" in done.err
    assert read_manifest(tmp_path / "out").rows == 60
    deadline = time.monotonic() + 5
    while (tmp_path / ".out.importing").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not (tmp_path / ".out.importing").exists()
