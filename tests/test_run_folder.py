"""The folders of a run: parts appear whole, damage is named, a second command is refused."""

import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opencodeinstruct.builder.errors import ProjectError, RunFolderError
from opencodeinstruct.tools.outcome import Deferred, Dropped, Kept, Outcome
from opencodeinstruct.tools.plan import STAGES
from opencodeinstruct.tools.run_folder import RunFolder, StageCounts, StageFolder

OUTCOMES = st.lists(
    st.one_of(
        st.text(max_size=5).map(lambda text: Kept({"id": "k", "input": text})),
        st.tuples(st.sampled_from(["too_short", "no_code"]), st.text(max_size=5)).map(
            lambda pair: Dropped({"id": "d", "input": "x"}, *pair)
        ),
    ),
    max_size=8,
)


def stage_folder(path: Path) -> StageFolder:
    return RunFolder(path, STAGES).stage("clean")


def finished(path: Path) -> StageFolder:
    """A complete stage of two parts: two rows kept, one dropped; one row kept."""
    stage = stage_folder(path)
    stage.write_part(0, [Kept({"id": "1"}), Dropped({"id": "2"}, "empty", "x"), Kept({"id": "3"})])
    stage.write_part(1, [Kept({"id": "4"})])
    stage.finish(2, StageCounts("clean", 4, 0, 3, {"empty": 1}), "print")
    return stage


@given(OUTCOMES)
@settings(max_examples=10, deadline=None)
def test_a_part_gives_back_every_row_with_its_reason_in_order(outcomes: list[Outcome]) -> None:
    with TemporaryDirectory() as folder:
        stage = stage_folder(Path(folder))
        stage.write_part(0, outcomes)
        kept = pq.read_table(stage.part(0)).to_pylist()
        dropped = pq.read_table(stage.rejects(0)).to_pylist()
        number, reasons = stage.counts_of_part(0)
    assert [row["input"] for row in kept] == [o.row["input"] for o in outcomes if type(o) is Kept]
    assert [(row["reject_reason"], row["reject_evidence"]) for row in dropped] == [
        (o.reason, o.evidence) for o in outcomes if isinstance(o, Dropped)
    ]
    assert number + sum(reasons.values()) == len(outcomes)


def test_a_part_with_a_deferred_row_is_not_written(tmp_path: Path) -> None:
    stage = stage_folder(tmp_path)
    with pytest.raises(RunFolderError, match="deferred"):
        stage.write_part(0, [Kept({"id": "1"}), Deferred({"id": "2"}, "down")])
    assert not stage.part(0).exists()
    assert not stage.rejects(0).exists()


@pytest.mark.parametrize(
    "counts",
    [
        {"entered": 3, "made": 0, "kept": 2},  # one row lost
        {"entered": 1, "made": 0, "kept": 2},  # one doubled
        {"entered": 1, "made": 1, "kept": 1, "dropped": {"x": 2}},
        {"entered": 2, "made": 0, "kept": 1, "deferred": 2},
    ],
)
def test_counts_that_do_not_add_up_are_refused(counts: dict[str, int]) -> None:
    with pytest.raises(RunFolderError, match="bug of ours"):
        StageCounts("clean", **counts)  # type: ignore[arg-type]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4:40] = bytes(36)
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    "damage",
    [
        Path.unlink,  # it is not there
        truncate,  # the footer is cut
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"PAR1 no, it is not PAR1"),
        lambda path: (path.unlink(), path.mkdir()),  # a folder of that name
        lambda path: path.write_bytes(path.with_name("part-00001.parquet").read_bytes()),  # rows
    ],
)
def test_a_damaged_part_is_named_with_what_heals_it(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    stage = finished(tmp_path)
    damage(stage.part(0))
    with pytest.raises(RunFolderError) as caught:
        stage.parts()
    assert str(stage.part(0)) in str(caught.value)
    assert f"Delete {stage.path} and run again" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", [truncate, flip, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("which", ["part", "rejects"])
def test_a_damaged_file_of_an_unfinished_stage_is_no_traceback(
    tmp_path: Path, damage: Callable[[Path], object], which: str
) -> None:
    stage = finished(tmp_path)
    path = stage.part(0) if which == "part" else stage.rejects(0)
    damage(path)
    with pytest.raises(RunFolderError) as caught:
        stage.counts_of_part(0)
    assert str(path) in str(caught.value)
    assert f"Delete {stage.path} and run again" in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        "",  # a disk that lost it
        '{"stage": "clean", "counts": {"stage": "cl',
        "[]",
        "null",
        "{}",
        '{"counts": {"stage": "clean"}, "parts": [{}]}',
        '{"counts": {"stage": "clean", "odd": 1}, "parts": 3}',
        '{"counts": [], "parts": [[]]}',
        "\x00\x01",
    ],
)
def test_a_damaged_manifest_is_named_with_what_heals_it(tmp_path: Path, content: str) -> None:
    stage = finished(tmp_path)
    stage.manifest.write_text(content)
    for read in (stage.counts, stage.parts):
        with pytest.raises(RunFolderError) as caught:
            read()
        assert str(stage.manifest) in str(caught.value)
        assert f"Delete {stage.path} and run again" in str(caught.value)


def test_a_manifest_that_lost_a_row_is_refused(tmp_path: Path) -> None:
    stage = finished(tmp_path)
    manifest = json.loads(stage.manifest.read_text())
    manifest["counts"]["kept"] -= 1
    stage.manifest.write_text(json.dumps(manifest))
    with pytest.raises(RunFolderError, match="4 rows entered"):
        stage.counts()


def test_what_a_killed_write_left_is_neither_read_nor_in_the_way(tmp_path: Path) -> None:
    stage = stage_folder(tmp_path)
    stage.path.mkdir(parents=True)
    leftover = stage.path / ".part-00000.parquet.writing"
    leftover.write_bytes(b"half of a shard")
    stage.write_part(0, [Kept({"id": "1"})])
    stage.finish(1, StageCounts("clean", 1, 0, 1), "print")
    assert [path.name for path in stage.parts()] == ["part-00000.parquet"]
    assert not leftover.exists()


def test_a_stage_is_complete_only_with_its_manifest(tmp_path: Path) -> None:
    stage = finished(tmp_path)
    assert stage.is_complete()
    stage.manifest.unlink()
    assert not stage.is_complete()


def test_removing_a_stage_removes_what_came_of_it_and_nothing_before(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, ("seeds", "clean", "judge"))
    for name in run.stages:
        run.stage(name).write_part(0, [])
    assert run.remove_from("clean") == ["clean", "judge"]
    assert run.remove_from("clean") == []
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["01-seeds"]


def _locks(path: Path) -> None:
    with RunFolder(path, STAGES).locked():
        pass


def _exit_code_of_lock(path: Path) -> int:
    try:
        _locks(path)
    except RunFolderError:
        return 7
    return 0


def _in_a_process(path: Path) -> int:
    process = multiprocessing.get_context("spawn").Pool(1)
    with process as pool:
        return int(pool.apply(_exit_code_of_lock, (path,)))


def test_a_second_command_in_the_same_run_is_refused(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run", STAGES).locked():
        assert _in_a_process(tmp_path / "run") == 7
        with pytest.raises(RunFolderError, match="another command is working in this run"):
            _locks(tmp_path / "run")
    _locks(tmp_path / "run")


@pytest.mark.parametrize("below", [(), ("run",)])
def test_a_file_where_the_run_should_be_is_an_error_that_names_it(
    tmp_path: Path, below: tuple[str, ...]
) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(ProjectError, match=str(file)):
        _locks(file.joinpath(*below))
    assert file.read_text() == "mine"
