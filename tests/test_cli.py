"""The command line: what each command says, where, and with which exit code."""

import json
import shlex
import signal
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from opencodeinstruct.builder.manifest import read_manifest
from opencodeinstruct.tools.cli import COMMANDS
from opencodeinstruct.tools.endings import guarded, say_unexpected
from opencodeinstruct.tools.plan import STAGES
from tests.calling import Ended, call, flat, quick_recipe
from tests.endpoint import Endpoint, Fault
from tests.pipeline import command, environment
from tests.scripted import answer

NOWHERE = "http://127.0.0.1:9/v1"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself_with_an_example(name: str) -> None:
    ended = call(name, "--help")
    assert ended.code == 0
    assert "Example" in ended.out
    assert flat(COMMANDS[name].says.replace("`", "")) in flat(ended.out)
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


def test_a_package_that_programs_may_import_and_that_is_not_there_is_named_early(
    tmp_path: Path,
) -> None:
    recipe = quick_recipe(tmp_path, NOWHERE, execute={"packages": ["no-such-package-here"]})
    for name in ("validate", "run", "preview", "execute"):
        ended = call(name, recipe, *(["--out", str(tmp_path / "run")] if name == "run" else []))
        assert ended.code == 1
        assert "Run: pip install no-such-package-here" in ended.error
    ended = call("doctor", recipe)
    assert ended.code == 1
    assert "fault packages: " in ended.out and "pip install no-such-package-here" in ended.out


def test_doctor_says_which_versions_programs_may_import(tmp_path: Path) -> None:
    recipe = quick_recipe(tmp_path, NOWHERE, execute={"packages": ["numpy"]})
    said = f"ok    packages: programs may import numpy {version('numpy')}"
    assert said in call("doctor", recipe).out


def test_versions_of_packages_are_kept_with_the_run_and_reach_the_dataset(tmp_path: Path) -> None:
    with Endpoint(answer) as endpoint:
        recipe = quick_recipe(
            tmp_path, endpoint.base_url, problems=1, execute={"packages": ["numpy"]}
        )
        assert call("run", recipe, "--out", tmp_path / "run").code == 0
    dataset = tmp_path / "run" / "dataset"
    decided = json.loads((tmp_path / "run" / "stages.json").read_text())["execute"]["decided_by"]
    assert decided["packages"] == {"numpy": version("numpy")}
    assert f"could import: `numpy {version('numpy')}`." in (dataset / "README.md").read_text()
    assert read_manifest(dataset).settings["packages"] == {"numpy": version("numpy")}


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


def under_shell(done: Path, line: str) -> "subprocess.CompletedProcess[str]":
    """What a shell makes of `opencodeinstruct …`; the exit code is the command's own."""
    return subprocess.run(
        ["bash", "-c", line.replace("opencodeinstruct", shlex.join(command()))
         + "; exit ${PIPESTATUS[0]}"],
        cwd=done, env=environment(done), capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "codes", "says"),
    [
        ("opencodeinstruct --help | true", (0, 1), ""),  # a reader that has enough
        ("opencodeinstruct status recipe.yaml --out run | head -1", (0, 1), ""),
        ("opencodeinstruct status recipe.yaml --out run --nope 2>&1 | true", (1, 2), ""),
        ("opencodeinstruct --version > /dev/full", (1,), "error: output: no space left"),
        ("opencodeinstruct status recipe.yaml --out run >&-", (0,), ""),  # nowhere to write to
        ("opencodeinstruct validate no.yaml 2>&-", (1,), ""),
        ("PYTHONIOENCODING=ascii opencodeinstruct status recipe.yaml --out run", (0,), ""),
    ],
)
def test_whatever_stdout_and_stderr_are_there_is_no_traceback(
    done: Path, line: str, codes: tuple[int, ...], says: str
) -> None:
    ended = under_shell(done, line)
    assert ended.returncode in codes
    assert ended.stderr.startswith(says) and ended.stderr.count("\n") == bool(says)


def test_a_run_whose_reader_has_gone_stops_and_goes_on_later(tmp_path: Path) -> None:
    with Endpoint(lambda body: Fault(text=str(answer(body)), delay=0.1)) as endpoint:
        quick_recipe(tmp_path, endpoint.base_url)
        ended = under_shell(tmp_path, "opencodeinstruct run recipe.yaml --out run 2>&1 | head -1")
        assert (ended.returncode, ended.stderr) == (1, "")
        for stage in STAGES:
            assert call(stage, tmp_path / "recipe.yaml", "--out", tmp_path / "run").code == 0


def test_a_command_leaves_it_to_python_to_say_that_a_connection_is_gone() -> None:
    assert call("--version").code == 0
    assert signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN  # else it would kill the process


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
