"""What the documentation says is so: its commands, files, links, examples and numbers are real."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opencodeinstruct.builder.subsets import SUBSETS
from opencodeinstruct.dataset_card.facts import BuildFacts
from opencodeinstruct.tools import cli
from opencodeinstruct.tools.llm.weights import KNOWN, MODEL_VARIABLE
from opencodeinstruct.tools.plan import STAGES
from opencodeinstruct.tools.ports import Limits
from opencodeinstruct.tools.recipe import load_recipe
from opencodeinstruct.tools.reference import pages
from opencodeinstruct.tools.sandbox.inside.enclosure import (
    MOST_FILE_BYTES,
    MOST_FILES,
    MOST_THREADS,
    TMP_BYTES,
    TMP_FILES,
)
from opencodeinstruct.tools.stages.build import BuildSettings, build
from tests.pipeline import environment
from tests.rows import finished_table

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
GENERATED = {"cli.md", "columns.md", "recipe.md"}
HYPOTHETICAL = {"tools/stages/rate.py", "tests/test_rate.py"}  # the stage that CONTRIBUTING adds
FOLDERS = ("builder/", "dataset_card/", "tools/", "tests/", "docs/", "examples/")
COMMANDS: dict[str, Any] = {name: cli.command(name) for name in cli.COMMANDS}

each_page = pytest.mark.parametrize(
    "page", PAGES, ids=[path.relative_to(ROOT).as_posix() for path in PAGES]
)


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of `page` in `language`."""
    pattern = rf"^```{language}\n(.*?)^```$"
    return re.findall(pattern, page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def inline(page: Path) -> list[str]:
    """What stands between single backticks in the prose of `page`."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.M)
    return re.findall(r"`([^`\n]+)`", prose)


def commands_of(page: Path, program: str) -> Iterator[list[str]]:
    """The arguments of each call of `program` that `page` shows."""
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    for line in [*lines, *(part for part in inline(page) if part.startswith(f"{program} "))]:
        for call in line.split("&&"):
            words = shlex.split(call, comments=True)
            if words and words[0] == program:
                yield words[1:]


# --- the pages that are written from the code


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert written == pages()[name], f"docs/{name} is out of date. Run: make docs"


def test_no_page_is_generated_that_is_not_looked_at_here() -> None:
    assert set(pages()) == GENERATED


def test_every_command_is_in_the_reference() -> None:
    headings = re.findall(r"^## (\S+)$", (ROOT / "docs/cli.md").read_text(encoding="utf-8"), re.M)
    assert headings == list(COMMANDS)


def test_every_stage_has_a_command_of_its_own() -> None:
    assert [name for name, its in cli.COMMANDS.items() if its.panel] == [*STAGES, "build"]


# --- what pages say of commands, files and each other


@each_page
def test_the_commands_it_shows_exist_with_their_options(page: Path) -> None:
    for name, *arguments in commands_of(page, "opencodeinstruct"):
        assert name in COMMANDS, f"opencodeinstruct {name}"
        options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
        assert {word for word in arguments if word.startswith("-")} <= options
        examples = [word for word in arguments if word.startswith("examples/")]
        assert all((ROOT / example).is_file() for example in examples)


@each_page
def test_the_make_targets_it_shows_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    for arguments in commands_of(page, "make"):
        assert {word for word in arguments if "=" not in word} <= targets


def test_the_first_pages_show_commands_at_all() -> None:
    assert {"doctor", "preview", "run", "validate"} <= {
        words[0] for words in commands_of(ROOT / "README.md", "opencodeinstruct")
    }
    assert ["quickstart"] in list(commands_of(ROOT / "README.md", "make"))
    assert ["check"] in list(commands_of(ROOT / "CONTRIBUTING.md", "make"))


@each_page
def test_its_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target


def anchors(page: Path) -> set[str]:
    """The headings of `page` as GitHub makes link targets of them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_the_files_it_names_are_there(page: Path) -> None:
    named = {part for part in inline(page) if part.startswith(FOLDERS) and " " not in part}
    missing = {part for part in named if "NAME" not in part and not (ROOT / part).exists()}
    assert missing <= HYPOTHETICAL


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/design.md"])
def test_the_names_it_places_in_a_module_are_in_that_module(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    placed = re.findall(r"`(\w+)`(?:,| in) `([\w/]+\.py)`", text)
    assert placed
    for word, path in placed:
        assert re.search(rf"\b{word}\b", (ROOT / path).read_text(encoding="utf-8")), (word, path)


def test_the_tree_in_the_readme_is_the_one_there_is() -> None:
    tree = next(
        block for block in blocks(ROOT / "README.md", "text") if block.startswith("opencode")
    )
    folder = ""
    for line in tree.splitlines():
        name = line.split()[0]
        folder = "" if not line.startswith(" ") else folder
        assert (ROOT / folder / name).exists(), line
        folder = name if not line.startswith(" ") else folder
    assert {f"{path.name}/" for path in (ROOT / "tools").iterdir() if path.is_dir()} - {
        "__pycache__/"
    } <= set(tree.split())


# --- examples


@each_page
def test_its_python_compiles(page: Path) -> None:
    for block in blocks(page, "python"):
        compile(block, str(page), "exec")


def test_the_lines_that_load_a_dataset_load_one(tmp_path: Path) -> None:
    folder = tmp_path / "runs/quickstart/dataset"
    build([finished_table(60)], folder, BuildFacts("quickstart"), BuildSettings())
    lines = "\nassert len(rows) > 0\n".join([*blocks(ROOT / "README.md", "python"), ""])
    assert lines.count("assert") == 2
    done = subprocess.run(
        [sys.executable, "-c", lines],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


MBPP = """{"task_id": 2, "text": "Write a function to find the shared elements of two lists.",
"code": "def shared(a, b): return set(a) & set(b)", "test_list": ["assert shared([1], [1]) == {1}"]}
""".replace("\n", " ")


def test_the_recipe_in_the_readme_is_one(tmp_path: Path) -> None:
    (block,) = blocks(ROOT / "README.md", "yaml")
    (tmp_path / "problems.jsonl").write_text('{"id": 1, "statement": "Count the words."}\n')
    (tmp_path / "mbpp.jsonl").write_text(MBPP, encoding="utf-8")
    (tmp_path / "my-project").mkdir()
    (tmp_path / "recipe.yaml").write_text(block, encoding="utf-8")
    recipe = load_recipe(tmp_path / "recipe.yaml")
    assert recipe.name == "mine"
    assert recipe.model_for("judge").name == "a-larger-model"
    assert recipe.model_for("solver").service == "endpoint"
    assert recipe.seeds[0].model_dump()["path"] == str(tmp_path / "my-project")


# --- numbers


def test_the_readme_tells_the_quickstart_as_it_is() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    recipe = load_recipe(ROOT / "examples/quickstart.yaml")
    problems, code = (source.limit or 0 for source in recipe.seeds)
    assert (problems, code) == (8, 6)
    assert "fourteen seeds (eight problems of ours, six functions" in text
    assert f"at most\n{problems + code + recipe.evolve.operations} rows" in text
    assert f"a model of {KNOWN['embedded:0.5b'].size // 10**6} MB" in text
    assert f"export {MODEL_VARIABLE}=PATH" in text


def test_the_readme_names_the_subsets_that_there_are() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text[text.index("| subset |") : text.index("A small dataset may")]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == [one.name for one in SUBSETS]


def test_the_page_on_the_sandbox_gives_its_limits() -> None:
    text = (ROOT / "docs/sandbox.md").read_text(encoding="utf-8")
    for said in (
        f"`/tmp` of {TMP_BYTES >> 20} MiB and {TMP_FILES:,} files",
        f"{MOST_THREADS} threads, {MOST_FILES} open files",
        f"{MOST_FILE_BYTES >> 20} MiB for a file",
        f"{Limits().output_bytes >> 10} KiB of output",
    ):
        assert said in text


# --- what no file may say


def test_no_file_names_the_place_where_it_was_written() -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    hosts = ("py" + "pi.org", "python" + "hosted.org", "test." + "pypi")
    places = re.compile("|".join([r"(?<![\w.~-])/wo" + "rk/", *map(re.escape, hosts)]))
    found = [
        f"{name}: {match.group()}"
        for name in map(os.fsdecode, filter(None, listed.stdout.split(b"\0")))
        if (match := places.search(text_of(ROOT / name)))
    ]
    assert found == []


def text_of(path: Path) -> str:
    """The text of a file; nothing where it is binary or gone."""
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    return "" if "\0" in text else text
