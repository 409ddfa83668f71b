"""The dataset folder: whole or not at all, and loaded as it says."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import datasets
import pyarrow as pa
import pytest

from opencodeinstruct.builder.errors import ProjectError, RunFolderError
from opencodeinstruct.builder.manifest import read_manifest, verify
from opencodeinstruct.builder.replacing import recover
from opencodeinstruct.builder.schema import dataset_schema, table_of
from opencodeinstruct.builder.subsets import SUBSETS
from opencodeinstruct.tools.stages.build import (
    BuildFacts,
    BuildReport,
    BuildSettings,
    Step,
    build,
)
from tests.rows import finished_row, finished_rows, finished_table

FACTS = BuildFacts(
    "My instructions",
    benchmarks={"humaneval": 164},
    funnel=(Step("judge", 10, 0, 8, {"x": 2}),),
)
ROWS = finished_rows(120)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> BuildReport:
    """A dataset of `ROWS`, several files in the larger partitions."""
    folder = tmp_path_factory.mktemp("build") / "dataset"
    settings = BuildSettings(rows_per_file=10)
    return build([table_of(ROWS, dataset_schema())], folder, FACTS, settings)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two small datasets, `old` and `new`; tests work on copies."""
    place = tmp_path_factory.mktemp("versions")
    return {name: quick(place / name, seed=seed).folder for seed, name in enumerate(("old", "new"))}


def quick(folder: Path, *, seed: int = 0) -> BuildReport:
    return build([finished_table(4, seed=seed)], folder, FACTS, BuildSettings())


def test_versions_of_packages_are_kept_with_the_settings(tmp_path: Path) -> None:
    facts = replace(FACTS, packages={"numpy": "2.4.6"})
    build([finished_table(4)], tmp_path / "dataset", facts, BuildSettings())
    assert read_manifest(tmp_path / "dataset").settings["packages"] == {"numpy": "2.4.6"}


def test_the_report_counts_what_was_built(report: BuildReport) -> None:
    assert report.rows == len(ROWS)
    assert report.counts == {
        subset.name: sum(subset.holds(row) for row in ROWS) for subset in SUBSETS
    }
    assert sum(shard.rows for shard in report.files) == len(ROWS)
    assert all((report.folder / shard.path).is_file() for shard in report.files)


def test_the_folder_is_what_its_manifest_says_and_nothing_lies_beside_it(
    report: BuildReport,
) -> None:
    assert verify(report.folder).whole
    assert [path.name for path in report.folder.parent.iterdir()] == ["dataset"]
    assert {path.name for path in report.folder.iterdir()} == {
        "README.md",
        "data",
        "manifest.json",
        "plots",
    }


@pytest.mark.parametrize("subset", [subset.name for subset in SUBSETS])
def test_every_subset_loads_and_streams_exactly_its_rows(
    report: BuildReport, tmp_path: Path, subset: str
) -> None:
    named = next(one for one in SUBSETS if one.name == subset)
    expected = sorted(row["id"] for row in ROWS if named.holds(row))
    loaded = datasets.load_dataset(
        str(report.folder), subset, split="train", cache_dir=str(tmp_path)
    )
    assert sorted(loaded["id"]) == expected
    assert loaded.features == datasets.Features.from_arrow_schema(dataset_schema())
    streamed = datasets.load_dataset(str(report.folder), subset, split="train", streaming=True)
    assert sorted(row["id"] for row in streamed) == expected


def test_the_card_declares_what_is_loaded(report: BuildReport, tmp_path: Path) -> None:
    builder = datasets.load_dataset_builder(str(report.folder), cache_dir=str(tmp_path))
    declared = builder.info.copy()
    builder.download_and_prepare()
    loaded = builder.as_dataset(split="train")
    assert {row["id"]: row for row in loaded} == {row["id"]: row for row in ROWS}
    assert declared.features == loaded.features
    # datasets counts tables of a single row a few bytes differently
    assert declared.dataset_size == pytest.approx(builder.info.dataset_size, rel=0.001)
    assert declared.download_size == builder.info.download_size


def test_a_subset_without_rows_streams_none_and_harms_no_other(tmp_path: Path) -> None:
    rows = [finished_row(number, domain="generic") for number in range(3)]
    table = table_of(rows, dataset_schema())
    settings = BuildSettings(license="mit", pretty_name="Other")
    report = build([table], tmp_path / "dataset", FACTS, settings)
    assert report.counts["algorithmic"] == 0
    empty = datasets.load_dataset(str(report.folder), "algorithmic", split="train", streaming=True)
    assert list(empty) == []
    assert list(empty.features) == dataset_schema().names
    loaded = datasets.load_dataset(
        str(report.folder), "generic", split="train", cache_dir=str(tmp_path / "cache")
    )
    assert loaded.num_rows == 3
    card = (report.folder / "README.md").read_text()
    for said in ("streaming=True", "license: mit\n", "pretty_name: Other\n"):
        assert said in card


def test_the_same_rows_give_the_same_bytes_also_through_a_link_to_an_empty_folder(
    versions: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    pieces = (finished_table(4).slice(start, 3) for start in range(0, 4, 3))
    build(pieces, tmp_path / "link", FACTS, BuildSettings())
    assert (tmp_path / "link").is_symlink()
    assert contents(tmp_path / "real") == contents(versions["old"])


@pytest.mark.parametrize("tables", [[], [dataset_schema().empty_table()]])
def test_no_rows_are_no_dataset_and_say_where_to_look(
    tmp_path: Path, tables: list[pa.Table]
) -> None:
    with pytest.raises(ProjectError, match=r"no row is left.*rejects"):
        build(tables, tmp_path / "dataset", FACTS, BuildSettings())
    assert list(tmp_path.iterdir()) == []


def test_a_failing_build_leaves_the_former_dataset(
    versions: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(versions["old"], tmp_path / "dataset")
    before = contents(tmp_path)

    def failing() -> Iterator[pa.Table]:
        yield finished_table(3, seed=1)
        raise RunFolderError("a part is torn")

    for tables in (failing(), [finished_table(2), finished_table(2)], []):
        with pytest.raises(ProjectError):
            build(tables, tmp_path / "dataset", FACTS, BuildSettings())
        assert contents(tmp_path) == before


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_no_dataset_is_never_replaced(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "dataset"
    if kind == "file":
        place.write_text("mine")
    else:
        place.mkdir()
        (place / "notes.txt").write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(RunFolderError, match="something else than a dataset"):
        quick(place)
    assert contents(tmp_path) == before


def set_aside(folder: Path) -> None:
    """As a kill leaves it after the old dataset was set aside."""
    folder.rename(folder.with_name(".dataset.replaced"))


def set_aside_before_the_new_was_whole(folder: Path) -> None:
    (folder.with_name(".dataset.building") / "manifest.json").unlink()
    set_aside(folder)


def take_place(folder: Path) -> None:
    """As a kill leaves it before the old dataset was deleted."""
    set_aside(folder)
    folder.with_name(".dataset.building").rename(folder)


@pytest.mark.parametrize(
    ("kill", "stays"),
    [
        (lambda folder: None, "old"),  # killed while the new one was built
        (set_aside, "new"),
        (set_aside_before_the_new_was_whole, "old"),
        (take_place, "new"),
    ],
)
def test_a_kill_at_any_rename_is_healed(
    versions: dict[str, Path], tmp_path: Path, kill: Callable[[Path], object], stays: str
) -> None:
    folder = tmp_path / "dataset"
    shutil.copytree(versions["old"], folder)
    shutil.copytree(versions["new"], tmp_path / ".dataset.building")
    kill(folder)
    for _ in range(2):  # the second time there is nothing to heal
        recover(folder)
        assert contents(folder) == contents(versions[stays])
        assert [path.name for path in tmp_path.iterdir()] == ["dataset"]


def test_a_killed_build_leaves_the_former_dataset_and_is_repeated_as_if_it_had_not_been(
    versions: dict[str, Path], tmp_path: Path
) -> None:
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from opencodeinstruct.tools.stages.build import BuildFacts, BuildSettings, build\n"
        "from tests.rows import finished_table\n"
        "settings = BuildSettings(rows_per_file=2)\n"
        "def die(rows):\n"
        "    os._exit(9)\n"
        "build([finished_table(50)], Path(sys.argv[1]), BuildFacts('x'), settings, die)\n"
    )
    shutil.copytree(versions["old"], tmp_path / "dataset")
    command = [sys.executable, "-c", program, str(tmp_path / "dataset")]
    killed = subprocess.run(command, cwd=Path(__file__).parents[1], check=False)
    assert killed.returncode == 9
    assert list((tmp_path / ".dataset.building").rglob(".train-*.writing"))
    assert contents(tmp_path / "dataset") == contents(versions["old"])
    quick(tmp_path / "dataset", seed=1)
    assert contents(tmp_path / "dataset") == contents(versions["new"])
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]


def test_the_card_groups_the_files_of_a_partition(report: BuildReport) -> None:
    for _, shards in groupby(report.files, key=lambda shard: Path(shard.path).parent):
        files = list(shards)
        assert [shard.path[-22:] for shard in files] == [
            f"{number:05d}-of-{len(files):05d}.parquet" for number in range(len(files))
        ]


def test_a_recipe_adds_subsets_of_its_own(tmp_path: Path) -> None:
    mine = {"name": "mine", "min_judge_score": 3, "min_pass_rate": 0.5, "domains": ["generic"]}
    settings = BuildSettings.model_validate({"subsets": [mine]})
    report = build([table_of(ROWS, dataset_schema())], tmp_path / "dataset", FACTS, settings)
    expected = sorted(
        row["id"]
        for row in ROWS
        if row["judge_score"] >= 3 and row["pass_rate"] >= 0.5 and row["domain"] == "generic"
    )
    loaded = datasets.load_dataset(
        str(report.folder), "mine", split="train", cache_dir=str(tmp_path / "cache")
    )
    assert sorted(loaded["id"]) == expected
    assert report.counts["mine"] == len(expected)
    assert read_manifest(report.folder).settings["subsets"][0]["name"] == "mine"


@pytest.mark.parametrize(
    ("subsets", "said"),
    [
        ([{"name": "mine", "min_pass_rate": 0.7}], "cuts a folder in two"),
        ([{"name": "judge_5"}], "give a new name"),
        ([{"name": "one"}, {"name": "one"}], "two subsets are called 'one'"),
        ([{"name": "mine", "domains": []}], "at least 1 item"),
    ],
)
def test_a_subset_that_cannot_be_exact_is_refused(
    subsets: list[dict[str, object]], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        BuildSettings.model_validate({"subsets": subsets})
