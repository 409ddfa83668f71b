"""A dataset grows: its shards stay, new rows become new shards, and all that is said is true."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest
import yaml

from opencodeinstruct import load
from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.builder.manifest import read_manifest, verify, write_manifest
from opencodeinstruct.builder.schema import dataset_schema, table_of
from opencodeinstruct.builder.subsets import SUBSETS
from opencodeinstruct.dataset_card.facts import BuildFacts, Step
from opencodeinstruct.tools.stages.append import AppendReport, append
from opencodeinstruct.tools.stages.build import BuildSettings, SubsetSettings, build
from tests.rows import finished_rows

ROWS = finished_rows(90)
OLD, NEW = ROWS[:60], [{**row, "topic": "changed"} for row in ROWS[50:60]] + ROWS[60:]
"""Ten rows come twice, and are not the same the second time."""

MINE = SubsetSettings(name="mine", min_judge_score=3, domains=("generic",))
YOURS = SubsetSettings(name="yours", min_pass_rate=0.5)


def of_run(name: str, **facts: Any) -> BuildFacts:
    """The facts of a run."""
    return BuildFacts(
        name,
        models={"solver": f"model-of-{name}"},
        recipe_hash=f"hash-of-{name}",
        funnel=(Step("decontaminate", 99, 0, 90, {f"reason-of-{name}": 9}),),
        **facts,
    )


def made(
    folder: Path, rows: list[dict[str, Any]], facts: BuildFacts, *own: SubsetSettings, **how: Any
) -> Path:
    settings = BuildSettings(rows_per_file=8, subsets=own, **how)
    return build([table_of(rows, dataset_schema())], folder, facts, settings).folder


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders `old` and `new`; tests that change them work on copies."""
    place = tmp_path_factory.mktemp("append")
    first = of_run("first", benchmarks={"humaneval": 164, "mbpp": 974})
    second = of_run("second", benchmarks={"humaneval": 164}, recall={"humaneval": {"as is": 0.5}})
    made(place / "old", OLD, first, MINE)
    made(place / "new", NEW, second, MINE, YOURS)
    return place


@pytest.fixture(scope="module")
def report(both: Path) -> AppendReport:
    """Both together."""
    return append(both / "old", both / "new", both / "out")


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def shards(folder: Path) -> dict[str, str]:
    """The partition of each shard's content."""
    paths = folder.glob("data/domain=*/*/*/*.parquet")
    return {sha256(path.read_bytes()).hexdigest(): str(path.parent.name) for path in paths}


def test_old_shards_keep_their_content_and_new_rows_are_new_shards(
    both: Path, report: AppendReport
) -> None:
    assert (report.before, report.added, report.known) == (60, 30, 10)
    before, after = shards(both / "old"), shards(report.folder)
    assert before.items() <= after.items()
    written = {sha256((report.folder / name).read_bytes()).hexdigest() for name in report.files}
    assert written == after.keys() - before.keys()
    rows = [pq.read_metadata(report.folder / name).num_rows for name in report.files]
    assert sum(rows) == 30 and max(rows) <= 8
    assert verify(report.folder).whole
    for partition in report.folder.glob("data/domain=*/*/*"):
        names = sorted(path.name for path in partition.iterdir())
        count = len(names)
        assert names == [f"train-{n:05d}-of-{count:05d}.parquet" for n in range(count)]


def test_the_disk_holds_old_shards_once(both: Path, report: AppendReport) -> None:
    old = {path.stat().st_ino for path in (both / "old").glob("data/domain=*/*/*/*.parquet")}
    assert old <= {path.stat().st_ino for path in report.folder.rglob("*.parquet")}


def test_every_row_is_there_once_and_the_first_of_two_stays(
    report: AppendReport, tmp_path: Path
) -> None:
    expected = table_of(ROWS, dataset_schema()).to_pylist()
    loaded = load(report.folder, cache_dir=tmp_path)
    assert len(loaded) == 90
    assert {row["id"]: row for row in loaded} == {row["id"]: row for row in expected}


@pytest.mark.parametrize("subset", [*SUBSETS, MINE.subset(), YOURS.subset()], ids=lambda s: s.name)
def test_every_subset_loads_exactly_its_rows(
    report: AppendReport, tmp_path: Path, subset: Any
) -> None:
    expected = sorted(row["id"] for row in ROWS if subset.holds(row))
    loaded = datasets.load_dataset(
        str(report.folder), subset.name, split="train", cache_dir=str(tmp_path)
    )
    assert sorted(loaded["id"]) == expected
    front = (report.folder / "README.md").read_text().split("\n---\n")[0].removeprefix("---\n")
    infos = {info["config_name"]: info for info in yaml.safe_load(front)["dataset_info"]}
    assert infos[subset.name]["splits"][0]["num_examples"] == len(expected)
    assert report.counts[subset.name] == len(expected)


def test_the_card_tells_of_each_part_what_is_true_of_it(report: AppendReport) -> None:
    card = (report.folder / "README.md").read_text()
    assert "Put together of 2 parts" in card and "already were left out: 10." in card
    first, second = card.split("### Part 1: first\n")[1].split("### Part 2: second\n")
    second = second.split("## Benchmarks kept out")[0]
    for name, rows, text in (("first", 60, first), ("second", 40, second)):
        assert f"It had {rows} rows." in text
        assert f"| solver | `model-of-{name}` |" in text and f"`hash-of-{name}`" in text
        assert f"| decontaminate | 99 | 0 | 90 | `reason-of-{name}` 9 |" in text
    assert "| humaneval | 164 | 1, 2 |" in card and "| mbpp | 974 | 1 |" in card
    assert "Those of the other parts were not: do not report" in card
    assert "Questions dropped for it: 9 in part 1, 9 in part 2." in card
    assert "| humaneval | 2 | as is | 0.500 |" in card
    assert "funnel.png" not in card and not (report.folder / "plots/funnel.png").exists()
    assert "\n\n\n" not in card.split("\n---\n")[1]


def test_in_place_or_beside_the_bytes_are_the_same_and_a_second_time_nothing_happens(
    both: Path, report: AppendReport, tmp_path: Path
) -> None:
    place = shutil.copytree(both / "old", tmp_path / "out")
    append(place, both / "new", place)
    assert contents(place) == contents(report.folder)
    inode = place.stat().st_ino
    again = append(place, both / "new", place)
    assert (again.added, again.known, again.files) == (0, 40, ())
    assert place.stat().st_ino == inode
    append(both / "old", both / "old", tmp_path / "same")
    assert contents(tmp_path / "same") == contents(both / "old")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "same"]


def test_a_third_part_stands_beside_the_two(both: Path, tmp_path: Path) -> None:
    rows = finished_rows(5, seed=7)
    made(tmp_path / "third", rows, of_run("third"))
    append(both / "new", tmp_path / "third", tmp_path / "two")
    done = append(both / "old", tmp_path / "two", tmp_path / "three")
    assert (done.before, done.added, done.known) == (60, 35, 10)
    card = (tmp_path / "three/README.md").read_text()
    named = [line for line in card.splitlines() if line.startswith("### Part")]
    assert named == ["### Part 1: first", "### Part 2: second", "### Part 3: third"]
    assert "already were left out: 10." in card


def changed_file(place: Path) -> None:
    (place / "new/README.md").write_text("mine")


def extra_file(place: Path) -> None:
    (place / "old/notes.txt").write_text("mine")


def other_licence(place: Path) -> None:
    made(place / "new", NEW, of_run("second"), license="mit")


def other_subset(place: Path) -> None:
    made(place / "new", NEW, of_run("second"), MINE.model_copy(update={"min_judge_score": 4}))


def other_columns(place: Path) -> None:
    path = next((place / "old").glob("data/domain=*/*/*/*.parquet"))
    pq.write_table(pq.read_table(path, partitioning=None).drop_columns(["topic"]), path)
    write_manifest(place / "old", read_manifest(place / "old").settings)


def untold(place: Path) -> None:
    settings = dict(read_manifest(place / "old").settings)
    del settings["facts"]
    write_manifest(place / "old", settings)


def taken(place: Path) -> None:
    shutil.copytree(place / "new", place / "out")


def no_dataset(place: Path) -> None:
    shutil.rmtree(place / "new")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (changed_file, r"new: is not what its manifest says, beginning with README\.md"),
        (extra_file, r"old: is not what its manifest says, beginning with notes\.txt"),
        (other_licence, "published under 'mit', and .* under 'cc-by-4.0'"),
        (other_subset, "its subset 'mine' is another"),
        (other_columns, "has other columns than this version writes"),
        (untold, "does not say how the dataset was made"),
        (taken, "out: is there already"),
        (no_dataset, "new: no manifest.json"),
    ],
)
def test_what_does_not_go_together_is_refused_and_nothing_changes(
    both: Path, tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    for name in ("old", "new"):
        shutil.copytree(both / name, tmp_path / name)
    spoil(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(ProjectError, match=said) as raised:
        append(tmp_path / "old", tmp_path / "new", tmp_path / "out")
    assert "\n" not in str(raised.value)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("out", ["old/data/more", "new/more", "."])
def test_a_folder_inside_another_is_refused(both: Path, tmp_path: Path, out: str) -> None:
    for name in ("old", "new"):
        shutil.copytree(both / name, tmp_path / name)
    with pytest.raises(ProjectError, match="lie in each other"):
        append(tmp_path / "old", tmp_path / "new", tmp_path / out)


def test_killed_while_it_writes_the_old_dataset_is_whole_and_the_next_try_ends_alike(
    both: Path, report: AppendReport, tmp_path: Path
) -> None:
    place = shutil.copytree(both / "old", tmp_path / "dataset")
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from opencodeinstruct.tools.stages.append import append\n"
        "old, new = map(Path, sys.argv[1:])\n"
        "append(old, new, old, lambda rows: os._exit(9))\n"
    )
    command = [sys.executable, "-c", program, str(place), str(both / "new")]
    killed = subprocess.run(command, cwd=Path(__file__).parents[1], check=False)
    assert killed.returncode == 9
    assert (tmp_path / ".dataset.building/.further/data").is_dir()
    assert contents(place) == contents(both / "old")
    place.rename(tmp_path / ".dataset.replaced")  # as a kill between the two renames leaves it
    append(place, both / "new", place)
    assert contents(place) == contents(report.folder)
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]


def test_the_command_says_what_came(both: Path, tmp_path: Path) -> None:
    program = "from opencodeinstruct.tools.cli import main; main()"
    place = shutil.copytree(both / "old", tmp_path / "mine")
    command = [sys.executable, "-c", program, "append", str(place), str(both / "new")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "90 rows, 30 of them new" in done.stdout and "10 were there already" in done.stdout
    assert json.loads((place / "manifest.json").read_text())["totals"]["rows"] == 90
