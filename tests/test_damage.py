"""A full disk, a damaged run, a folder of somebody else: one clear line, and nothing is lost."""

import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from opencodeinstruct.tools.plan import STAGES
from opencodeinstruct.tools.sandbox.walls import find_bwrap
from tests.calling import adds_up, call, of_rows, quick_recipe, run_folder, same_stages
from tests.endpoint import Endpoint
from tests.pipeline import command, environment
from tests.scripted import answer


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The hashes of all stages of a run that nothing disturbs, its dataset among them."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with Endpoint(answer) as endpoint:
        recipe = quick_recipe(folder, endpoint.base_url)
        assert call("run", recipe, "--out", folder / "run").code == 0
    yield of_rows(folder / "run")


@pytest.mark.parametrize("size", [40_000, 200_000, 420_000])  # bytes of the whole disk
def test_a_full_disk_is_one_line_and_the_same_command_completes_the_run_with_room(
    tmp_path: Path, undisturbed: dict[str, str], size: int
) -> None:
    disk, saved = tmp_path / "disk", tmp_path / "saved"
    disk.mkdir()
    bwrap = [str(find_bwrap()), "--dev-bind", "/", "/", "--size", str(size), "--tmpfs", str(disk)]
    if subprocess.run([*bwrap, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine cannot mount a file system of its own for a test")
    with Endpoint(answer) as endpoint:
        recipe = quick_recipe(tmp_path, endpoint.base_url)
        line = shlex.join(command("run", recipe, "--out", disk / "run"))
        copy = f"{line}; code=$?; cp -a {disk}/run {saved}; exit $code"
        ended = subprocess.run(
            [*bwrap, "--", "sh", "-c", copy],
            cwd=tmp_path,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 1, ended.stderr
        (said,) = [part for part in ended.stderr.splitlines() if part.startswith("error: ")]
        assert f"{disk}/run" in said and "disk" in said and "again" in said
        assert "Traceback" not in ended.stderr
        adds_up(saved)
        same_stages(saved, undisturbed)
        assert not list(saved.rglob("*.writing"))
        assert call("run", recipe, "--out", saved).code == 0
    assert of_rows(saved) == undisturbed


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a recipe and its run, complete but for the dataset."""
    folder = tmp_path_factory.mktemp("finished")
    with Endpoint(answer) as endpoint:
        recipe = quick_recipe(folder, endpoint.base_url)
        for stage in STAGES:
            assert call(stage, recipe, "--out", folder / "run").code == 0
    yield folder


def damaged_part(run: Path) -> str:
    path = run / "10-execute" / "part-00000.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    return f"{path}: is missing or damaged"


def missing_part(run: Path) -> str:
    (run / "10-execute" / "part-00000.parquet").unlink()
    return "part-00000.parquet: is missing or damaged"


def cut_manifest(run: Path) -> str:
    path = run / "10-execute" / "manifest.json"
    path.write_bytes(path.read_bytes()[:40])
    return f"{path}: is missing or damaged"


def cut_record(run: Path) -> str:
    (run / "stages.json").write_text('{"seeds": [')
    return "stages.json: is damaged"


def odd_record(run: Path) -> str:
    (run / "stages.json").write_text('{"seeds": 3}')
    return "stages.json: is damaged"


def lost_record(run: Path) -> str:
    (run / "stages.json").unlink()
    return "stages.json does not say which"


def garbage_journal(run: Path) -> str:
    shutil.rmtree(run / "11-judge")
    for path in run.glob("journal.sqlite*"):
        path.unlink()
    (run / "journal.sqlite").write_bytes(b"this is no database" * 300)
    return "journal.sqlite is no journal, or damaged"


def folder_as_journal(run: Path) -> str:
    for path in run.glob("journal.sqlite*"):
        path.unlink()
    (run / "journal.sqlite").mkdir()
    return "journal.sqlite"


@pytest.mark.parametrize(
    "damage",
    [
        damaged_part,
        missing_part,
        cut_manifest,
        cut_record,
        odd_record,
        lost_record,
        garbage_journal,
        folder_as_journal,
    ],
)
def test_a_damaged_run_is_one_line_that_says_what_and_what_to_do(
    finished: Path, tmp_path: Path, damage: Callable[[Path], str]
) -> None:
    run = Path(shutil.copytree(finished / "run", tmp_path / "run"))
    says = damage(run)
    ended = call("judge", finished / "recipe.yaml", "--out", run)
    assert ended.code == 1
    assert says in ended.error
    assert any(word in ended.error for word in ("Delete", "Move", "--redo", "cannot be"))


def test_deleting_a_damaged_stage_as_told_heals_the_run_from_the_journal(
    finished: Path, tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    run = Path(shutil.copytree(finished / "run", tmp_path / "run"))
    damaged_part(run)
    error = call("judge", finished / "recipe.yaml", "--out", run).error
    shutil.rmtree(error.split("Delete ")[1].split(" and run again")[0])
    assert call("execute", finished / "recipe.yaml", "--out", run).code == 0
    assert call("judge", finished / "recipe.yaml", "--out", run).code == 0
    same_stages(run, undisturbed)


def test_a_lost_record_is_made_anew_on_request_without_paying_again(
    finished: Path, tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    run = Path(shutil.copytree(finished / "run", tmp_path / "run"))
    lost_record(run)
    for stage in STAGES:  # the endpoint is gone: the journal has every answer
        flags = ["--redo"] if stage == "seeds" else []
        assert call(stage, finished / "recipe.yaml", "--out", run, *flags).code == 0
    same_stages(run, undisturbed)


def test_what_is_no_dataset_of_ours_is_not_touched(finished: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(finished / "run", tmp_path / "run"))
    (run / "dataset").mkdir()
    (run / "dataset" / "thesis.tex").write_text("mine")
    ended = call("run", finished / "recipe.yaml", "--out", run)
    assert ended.code == 1
    assert f"{run / 'dataset'}: is there and holds something else" in ended.error
    assert [path.name for path in (run / "dataset").iterdir()] == ["thesis.tex"]


def test_a_file_where_the_run_should_be_is_not_touched(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        ended = call("run", finished / "recipe.yaml", "--out", out)
        assert ended.code == 1 and str(tmp_path / "file") in ended.error
    assert (tmp_path / "file").read_text() == "mine"


def test_a_second_command_in_the_same_run_is_refused(finished: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(finished / "run", tmp_path / "run"))
    with run_folder(run).locked():
        ended = call("run", finished / "recipe.yaml", "--out", run)
        assert call("status", finished / "recipe.yaml", "--out", run).code == 0  # looking is free
    assert ended.code == 1 and "another command is working in this run" in ended.error


def test_leftovers_of_a_killed_write_are_no_rows(
    finished: Path, tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    run = Path(shutil.copytree(finished / "run", tmp_path / "run"))
    shutil.rmtree(run / "11-judge")
    (run / "11-judge").mkdir()
    (run / "11-judge" / ".part-00000.parquet.writing").write_bytes(b"PAR1 half")
    assert call("judge", finished / "recipe.yaml", "--out", run).code == 0
    same_stages(run, undisturbed)
