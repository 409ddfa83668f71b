"""Write the reference pages of docs/ from the code: `python -m opencodeinstruct.tools.reference`.

docs/cli.md from each command's help, docs/columns.md from the schema, docs/recipe.md from the
settings. A test holds the pages to what this writes.
"""

import ast
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from opencodeinstruct.builder.files import write_text
from opencodeinstruct.dataset_card.card import columns_table
from opencodeinstruct.tools.cli import COMMANDS, command
from opencodeinstruct.tools.llm.model_settings import ModelSettings
from opencodeinstruct.tools.ports import Sampling
from opencodeinstruct.tools.recipe import Recipe
from opencodeinstruct.tools.stages.seeds import (
    CodeSource,
    HubCodeSource,
    ProblemsSource,
    TacoSource,
)

SOURCES = (CodeSource, HubCodeSource, ProblemsSource, TacoSource)


def pages() -> dict[str, str]:
    """Each page's text by its file name."""
    return {"cli.md": _cli(), "columns.md": _columns(), "recipe.md": _recipe()}


def _cli() -> str:
    parts = [
        "# Command line\n\nWritten by `make docs` from the commands' help. Exit codes: 0 done, "
        "1 an error you can act on, 2 a wrong command line, 3 some rows deferred, 4 a budget is "
        "spent, 130 stopped with Ctrl-C, 143 with SIGTERM.\n"
    ]
    parts.extend(_command(name, command(name)) for name in COMMANDS)
    return "\n".join(parts)


def _command(name: str, its: Any) -> str:
    lines = [f"## {name}\n", inspect.cleandoc(its.help or "") + "\n"]
    shown: dict[str, list[str]] = {"argument": [], "option": []}
    for parameter in its.params:
        said = " ".join((getattr(parameter, "help", None) or "").split())
        names = parameter.metavar or parameter.name.upper()
        if parameter.param_type_name == "option":
            names = ", ".join(parameter.opts)
        shown[parameter.param_type_name].append(f"- `{names}`: {said}")
    lines.extend(shown["argument"] + shown["option"])
    return "\n".join(lines).rstrip() + "\n"


def _columns() -> str:
    return f"# Columns\n\nWritten by `make docs` from `builder/schema.py`.\n\n{columns_table()}\n"


def _recipe() -> str:
    parts = [
        "# Recipe\n\nWritten by `make docs` from the settings. A recipe is a YAML file; every key "
        "has a default but `seeds`. Relative paths start at the recipe's folder.\n",
        _settings(Recipe, "recipe"),
        "# seeds\n\nA list; each entry is one of these, told apart by `kind`.\n",
        *(_settings(source, f"seeds: {_kind(source)}") for source in SOURCES),
        _settings(ModelSettings, "model"),
        _settings(Sampling, "sampling"),
    ]
    for name, field in Recipe.model_fields.items():
        annotation = field.annotation
        if inspect.isclass(annotation) and issubclass(annotation, BaseModel) and name != "model":
            parts.append(_settings(annotation, name))
            parts += [_settings(its, f"{name}.{key}") for key, its in _nested(annotation)]
    return "\n".join(parts)


def _nested(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """The keys of `model` that have keys of their own, and those; sampling is told once."""
    for key, field in model.model_fields.items():
        for kind in (field.annotation, *get_args(field.annotation)):
            if inspect.isclass(kind) and issubclass(kind, BaseModel) and kind is not Sampling:
                yield key, kind


def _kind(model: type[BaseModel]) -> str:
    return str(model.model_fields["kind"].annotation).split("'")[1]


def _settings(model: type[BaseModel], title: str) -> str:
    reasons = _comments(model)
    lines = [
        f"## {title}\n",
        f"{inspect.getdoc(model)}\n",
        "| key | default | why |",
        "|---|---|---|",
    ]
    for name, field in model.model_fields.items():
        default = "" if field.is_required() else f"`{_shown(field.get_default())}`"
        lines.append(f"| `{name}` | {default} | {reasons.get(name, '')} |".replace("\n", " "))
    return "\n".join(lines) + "\n"


def _shown(default: Any) -> str:
    if default is PydanticUndefined or default is None:
        return "-"
    if isinstance(default, Sampling):
        given = default.model_dump()
        return ", ".join(f"{key}: {value}" for key, value in given.items())
    if isinstance(default, BaseModel):
        return "see below"
    return str(default).replace("|", "\\|")


def _comments(model: type[BaseModel]) -> dict[str, str]:
    """The comment at each field of `model`: behind it, or in the lines before it."""
    lines = inspect.getsource(model).split("\n")
    body = ast.parse("\n".join(lines)).body[0]
    found: dict[str, str] = {}
    if not isinstance(body, ast.ClassDef):
        return found
    for node in body.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            last = lines[(node.end_lineno or node.lineno) - 1]
            said = [last.split("  # ", 1)[1]] if "  # " in last else []
            above = node.lineno - 2
            while above >= 0 and lines[above].strip().startswith("# "):
                said.insert(0, lines[above].strip()[2:])
                above -= 1
            found[node.target.id] = " ".join(said).replace("|", "\\|")
    return found


def main(folder: Path) -> None:
    """Write every page into `folder`."""
    for name, text in pages().items():
        write_text(folder / name, text)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
