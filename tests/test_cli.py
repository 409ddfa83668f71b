"""The command line: what each command says, where, and with which exit code."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from opencodeinstruct.tools.cli import app
from opencodeinstruct.tools.endings import guarded, say_unexpected
from opencodeinstruct.tools.plan import STAGES
from tests.calling import Ended, call, kept, quick_recipe, run_folder
from tests.endpoint import Endpoint
from tests.pipeline import command, environment
from tests.scripted import answer

COMMANDS = sorted(getattr(get_command(app), "commands"))  # noqa: B009  # it is a group
NOWHERE = "http://127.0.0.1:9/v1"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with `recipe.yaml` and its complete run in `run`, whose endpoint is still up."""
    folder = tmp_path_factory.mktemp("done")
    with Endpoint(answer) as endpoint:
        recipe = quick_recipe(folder, endpoint.base_url)
        assert call("run", recipe, "--out", folder / "run").code == 0
        yield folder


@pytest.fixture
def copy(done: Path, tmp_path: Path) -> Path:
    """A copy of the complete run."""
    return Path(shutil.copytree(done / "run", tmp_path / "run"))


def flat(text: str) -> str:
    """What was said, without the frames and line breaks that a terminal's width gives it."""
    return " ".join(text.replace("│", " ").split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_an_example(name: str) -> None:
    ended = call(name, "--help")
    assert ended.code == 0
    assert "Example" in ended.out
    assert f"opencodeinstruct {name}" in flat(ended.out)


def test_every_stage_has_a_command_of_its_own() -> None:
    assert set(STAGES) | {"build"} <= set(COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nope"], "No such command 'nope'"),
        (["run"], "Missing argument 'RECIPE'"),
        (["run", "a.yaml", "b.yaml"], "unexpected extra argument"),
        (["run", "a.yaml", "--ou", "x"], "No such option"),
        (["run", "a.yaml", "--limit", "0"], "Invalid value for '--limit'"),
        (["run", "a.yaml", "--limit", "many"], "Invalid value for '--limit'"),
        (["preview", "a.yaml", "--rows", "0"], "Invalid value for '--rows'"),
        (["publish", "folder"], "Missing argument 'USER/NAME'"),
        (["doctor", "--model", "gpt-4"], "a model is `embedded`"),
    ],
)
def test_a_wrong_command_line_exits_with_2_and_says_why(arguments: list[str], says: str) -> None:
    ended = call(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert says in flat(ended.err)


def test_without_a_command_the_commands_are_listed() -> None:
    assert "Run RECIPE from seeds" in flat(call().out)


def test_the_version_is_printed_alone() -> None:
    ended = call("--version")
    assert ended.code == 0
    assert ended.out.startswith("opencodeinstruct ") and ended.out.count("\n") == 1


@pytest.mark.parametrize("name", ["run", "validate", "status", "preview", "doctor", *STAGES])
def test_a_recipe_that_is_not_there_is_one_line_and_exit_1(name: str, tmp_path: Path) -> None:
    ended = call(name, tmp_path / "no.yaml")
    assert (ended.code, ended.out) == (1, "")
    assert ended.error == (
        f"error: {tmp_path / 'no.yaml'}: there is no such file. Give the path of a recipe."
    )


def test_validate_says_that_a_recipe_can_be_run_on_one_line(tmp_path: Path) -> None:
    recipe = quick_recipe(tmp_path / "[bold]odd[/i] name", NOWHERE)  # no markup of ours
    ended = call("validate", recipe)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"{recipe}: can be run") and ended.out.count("\n") == 1


def test_validate_refuses_what_cannot_be_run(tmp_path: Path) -> None:
    ended = call("validate", quick_recipe(tmp_path, NOWHERE, evolv={}))
    assert ended.code == 1
    assert "Did you mean `evolve`?" in ended.error


def test_init_gives_a_recipe_that_validates_and_never_overwrites(tmp_path: Path) -> None:
    assert call("init", tmp_path / "new").code == 0
    assert call("validate", tmp_path / "new" / "quickstart.yaml").code == 0
    (tmp_path / "new" / "problems.jsonl").write_text("mine")
    (tmp_path / "new" / "quickstart.yaml").unlink()
    again = call("init", tmp_path / "new")
    assert again.code == 1 and "is there already" in again.error
    assert (tmp_path / "new" / "problems.jsonl").read_text() == "mine"
    assert not (tmp_path / "new" / "quickstart.yaml").exists()


def test_init_into_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    ended = call("init", tmp_path / "file")
    assert ended.code == 1 and str(tmp_path / "file") in ended.error


def test_status_tells_what_comes_next_and_makes_nothing(done: Path, tmp_path: Path) -> None:
    recipe = done / "recipe.yaml"
    before = call("status", recipe, "--out", tmp_path / "new")
    assert before.out == f"{tmp_path / 'new'}: next: seeds\n"
    assert not (tmp_path / "new").exists()
    assert call("status", recipe, "--out", done / "run").out.endswith("run: complete\n")


def test_status_of_a_part_of_a_run_names_the_next_stage(done: Path, copy: Path) -> None:
    run_folder(copy).remove_from("respond")
    ended = call("status", done / "recipe.yaml", "--out", copy)
    assert ended.out.endswith(f"{copy}: next: respond\n")
    assert "│ decontaminate" in ended.out


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_alone_is_made_anew_and_says_what_became_stale(
    done: Path, copy: Path, stage: str
) -> None:
    recipe = done / "recipe.yaml"
    before = kept(copy, stage)
    ended = call(stage, recipe, "--out", copy)
    later = STAGES[STAGES.index(stage) + 1 :]
    assert ended.code == 0
    assert kept(copy, stage) == before
    assert (f"out of date and was removed: {', '.join(later)}." in flat(ended.err)) == bool(later)
    assert "The dataset is out of date" in ended.err
    next_one = later[0] if later else "build"
    assert call("status", recipe, "--out", copy).out.endswith(f"{copy}: next: {next_one}\n")
    assert f"│ {stage}" in ended.out  # its counts are the result


@pytest.mark.parametrize("stage", ["instruct", "judge", "build"])
def test_a_stage_without_the_one_before_it_says_which_is_missing(
    done: Path, tmp_path: Path, stage: str
) -> None:
    ended = call(stage, done / "recipe.yaml", "--out", tmp_path / "new")
    assert ended.code == 1
    assert f"`{stage}` needs the stage `seeds`, which is not complete" in ended.error


def test_build_alone_replaces_the_dataset_and_prints_how_to_load_it(done: Path, copy: Path) -> None:
    shutil.rmtree(copy / "dataset")
    ended = call("build", done / "recipe.yaml", "--out", copy)
    assert ended.code == 0
    assert f'    rows = load_dataset("{copy / "dataset"}", "default", split="train")' in ended.out
    assert (copy / "dataset" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seed": 5}, "seed was 0 and is now 5"),
        ({"rows_per_part": 3}, "rows_per_part was 4 and is now 3"),
        ({"dedup": {"threshold": 0.5}}, "dedup.threshold was 0.7 and is now 0.5"),
        ({"benchmarks": ["humaneval"]}, "benchmarks.0 was not set and is now 'humaneval'"),
        ({"judge": {"tries": 1}}, "judge.tries was 2 and is now 1"),
        ({"model": f"{NOWHERE}#other"}, "model was 'test-model' and is now 'other'"),
    ],
)
def test_a_folder_of_another_recipe_is_refused_with_the_key_that_changed(
    done: Path, copy: Path, tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    recipe = quick_recipe(tmp_path, NOWHERE, **change)
    before = sorted(copy.rglob("*"))
    ended = call("run", recipe, "--out", copy)
    assert ended.code == 1
    assert f"made by another recipe: {says}." in ended.error
    assert "--out" in ended.error and "--redo" in ended.error
    assert sorted(copy.rglob("*")) == before


def test_changed_seeds_are_a_change_of_the_recipe(done: Path, copy: Path, tmp_path: Path) -> None:
    recipe = quick_recipe(tmp_path, NOWHERE, problems=2)
    assert "seeds.0.path.sha256 was" in call("run", recipe, "--out", copy).error


def test_where_a_model_is_served_and_where_seeds_lie_changes_nothing(
    done: Path, copy: Path, tmp_path: Path
) -> None:
    recipe = quick_recipe(tmp_path, NOWHERE)  # a finished run asks nobody
    assert call("judge", recipe, "--out", copy).code == 0


def test_redo_makes_anew_from_the_changed_stage_on(done: Path, copy: Path, tmp_path: Path) -> None:
    recipe = quick_recipe(tmp_path, NOWHERE, judge={"tries": 1}, evolve={"generations": 0})
    ended = call("respond", recipe, "--out", copy, "--redo")
    assert ended.code == 0
    assert "The recipe changed; made anew: judge." in ended.err
    assert run_folder(copy).stage("clean").is_complete()


def test_a_stage_made_anew_may_have_new_settings(done: Path, copy: Path, tmp_path: Path) -> None:
    recipe = quick_recipe(tmp_path, NOWHERE, judge={"tries": 1})
    assert call("judge", recipe, "--out", copy).code == 0
    earlier = quick_recipe(tmp_path, NOWHERE, judge={"tries": 1}, clean={"min_words": 6})
    assert "clean.min_words was 5" in call("judge", earlier, "--out", copy).error


def test_limit_takes_so_many_seeds_of_each_source_and_is_a_setting(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text(
        "".join(f'def f{n}(x):\n    """Do {n}."""\n    return x + {n}\n\n' for n in range(4))
    )
    recipe = quick_recipe(tmp_path, NOWHERE)
    given = yaml.safe_load(recipe.read_text())
    given["seeds"][0]["limit"] = 3  # the option wins
    given["seeds"].append({"kind": "code", "path": "code.py"})
    recipe.write_text(yaml.safe_dump(given))
    out = tmp_path / "run"
    assert call("seeds", recipe, "--out", out, "--limit", "2").code == 0
    assert [row["domain"] for row in kept(out, "seeds")] == ["algorithmic"] * 2 + ["generic"] * 2
    ended = call("instruct", recipe, "--out", out)
    assert "seeds.0.limit was 2 and is now 3" in ended.error
    assert "limit: 2" in (out / "recipe.yaml").read_text()


def test_publish_plans_a_good_folder(done: Path) -> None:
    ended = call("publish", done / "run" / "dataset", "me/my-data", "--dry-run")
    assert ended.code == 0
    assert "README.md" in ended.out and "3 rows" in ended.out


@pytest.mark.parametrize(
    ("folder", "repo", "says"),
    [
        ("dataset", "mine", "a dataset repository is called USER/NAME"),
        ("dataset", "me/a b", "a dataset repository is called USER/NAME"),
        ("dataset", "me/a/b", "a dataset repository is called USER/NAME"),
        ("", "me/data", "this is no finished dataset"),  # the run, not its dataset
        ("nowhere", "me/data", "this is no finished dataset"),
        ("recipe.yaml", "me/data", "recipe.yaml"),  # a file
    ],
)
def test_publish_refuses_what_is_no_dataset(done: Path, folder: str, repo: str, says: str) -> None:
    ended = call("publish", done / "run" / folder, repo, "--dry-run")
    assert ended.code == 1 and says in ended.error


@pytest.mark.parametrize(
    ("name", "says"),
    [("README.md", "changed: README.md"), ("mine.txt", "not its own: mine.txt")],
)
def test_publish_refuses_a_folder_that_was_changed(copy: Path, name: str, says: str) -> None:
    (copy / "dataset" / name).write_text("changed")
    ended = call("publish", copy / "dataset", "me/data", "--dry-run")
    assert ended.code == 1 and says in ended.error


def test_doctor_prints_a_line_for_each_thing_and_exits_with_1_on_a_fault(done: Path) -> None:
    up = call("doctor", done / "recipe.yaml")
    down = call("doctor", "--model", f"{NOWHERE}#m")
    for ended in (up, down):
        things = [line.split(":")[0].split(maxsplit=1)[1] for line in ended.out.splitlines()]
        assert things[:5] == ["Python", "cores", "disk", "sandbox", "Hub login"]
        assert len(things) == 6
    assert up.out.splitlines()[-1].startswith("ok    model test-model: answers")
    assert down.out.splitlines()[-1].startswith(f"fault model m: {NOWHERE} gives no answer")
    assert down.code == 1


def test_preview_shows_rows_and_keeps_nothing(done: Path, tmp_path: Path) -> None:
    before = sorted(done.rglob("*"))
    ended = call("preview", done / "recipe.yaml", "--rows", "2")
    assert ended.code == 0
    assert "Row 1" in ended.out and "question" in ended.out and "judge:" in ended.out
    assert "nothing is kept" in ended.err
    assert sorted(done.rglob("*")) == before


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["status", "recipe.yaml", "--out", "run"]]
)
def test_a_reader_that_has_enough_is_no_traceback(done: Path, arguments: list[str]) -> None:
    process = subprocess.Popen(
        command(*arguments),
        cwd=done,
        env=environment(done),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()
    process.wait(60)
    assert "Traceback" not in said and "Exception ignored" not in said


def test_an_error_that_nobody_foresaw_is_one_line_with_the_traceback_in_a_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = KeyError("x\x1b[31m\ny")
    say_unexpected(KeyError, error, None)
    said = capsys.readouterr().err
    assert said.startswith("error: KeyError: ") and said.count("\n") == 1 and "\x1b" not in said
    named = Path(said.split("report it with ")[1].split(". What")[0])
    assert "KeyError" in named.read_text()
    named.unlink()


@pytest.mark.parametrize(
    ("raised", "code", "says"),
    [
        (KeyboardInterrupt(), 130, "\nStopped. Run the same command again to continue.\n"),
        (OSError(28, "No space left on device", "/x"), 1, "error: /x: no space left on the disk"),
        (PermissionError(13, "Permission denied", "/x"), 1, "error: /x: cannot be written"),
        (SystemExit(3), 3, ""),
    ],
)
def test_however_a_command_ends_it_has_a_code_and_at_most_one_line(
    capsys: pytest.CaptureFixture[str], raised: BaseException, code: int, says: str
) -> None:
    def fail() -> Ended:
        raise raised

    assert guarded(fail) == code
    assert capsys.readouterr().err.startswith(says)
