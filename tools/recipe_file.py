"""Reading a recipe's YAML: what is no mapping of sane size is refused, with its line."""

import math
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import yaml

from opencodeinstruct.builder.errors import RecipeError

_LONGEST = 2**20  # bytes; the longest recipe anyone wrote by hand is a hundredth of that
_MOST_VALUES = 100_000  # after aliases are followed: nine lines of them can stand for 10**9
_DEEPEST = 40
_PLAIN_KEYS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge")


class _Loader(yaml.SafeLoader):
    """The safe loader, refusing a key that stands twice in one mapping or is not text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if key_node.tag not in _PLAIN_KEYS:
                shown = repr(key_node.value) if isinstance(key_node.value, str) else "here"
                _refuse_node(key_node, f"the key {shown} is not text. Put it in quotes")
            if key_node.value in seen:
                _refuse_node(key_node, f"the key {key_node.value!r} stands twice")
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:  # a date of month 13, a number of 5,000 digits
            _refuse_node(node, f"a value that cannot be read ({error})")


def _refuse_node(node: yaml.Node, problem: str) -> NoReturn:
    raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in the YAML file `path`; anything else is a `RecipeError` with its line."""
    text = _text_of(path)
    try:
        value = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        what = error.problem or error.context
        raise RecipeError(f"{path}{line}", f"is not valid YAML: {what}.") from error
    except yaml.YAMLError as error:
        raise RecipeError(path, f"is not valid YAML: {str(error).splitlines()[0]}.") from error
    except RecursionError as error:
        raise RecipeError(path, "is nested too deeply. See examples/.") from error
    if not isinstance(value, dict) or not value:
        raise RecipeError(path, "is not a mapping of keys to settings. See examples/.")
    _refuse_excess(value, path)
    return {key: item for key, item in value.items() if item is not None}


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
    except FileNotFoundError as error:
        raise RecipeError(path, "there is no such file. Give the path of a recipe.") from error
    except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
        why = (isinstance(error, OSError) and error.strerror) or error
        raise RecipeError(
            path, f"cannot be read ({why}). Give the path of a recipe, a YAML file."
        ) from error
    if len(content) > _LONGEST:
        raise RecipeError(path, "is larger than 1 MiB: no recipe. Give the path of a YAML file.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError(
            path, f"is not text in UTF-8 ({error.reason} at byte {error.start}). Save it as UTF-8."
        ) from error


def _refuse_excess(value: Any, path: Path) -> None:
    """Refuse what pydantic would choke on: bombs of aliases, recursion, infinite numbers."""
    waiting, count = [(value, "", 0)], 0
    while waiting:
        item, place, depth = waiting.pop()
        count += 1
        if count > _MOST_VALUES or depth > _DEEPEST:
            raise RecipeError(
                path, "its aliases stand for too much, or it is nested too deeply. See examples/."
            )
        if isinstance(item, float) and not math.isfinite(item):
            raise RecipeError(path, f"{place[1:]}: {item!r} is no number. Give a finite one.")
        parts: Iterable[tuple[object, Any]] = item.items() if isinstance(item, dict) else ()
        if isinstance(item, list):
            parts = enumerate(item)
        waiting.extend((part, f"{place}.{key}", depth + 1) for key, part in parts)


def with_absolute_paths(value: Any, folder: Path, known: tuple[str, ...] = ("path",)) -> Any:
    """`value` with each relative `path` made absolute from `folder`, where a file is there."""
    if isinstance(value, dict):
        return {
            key: _absolute(item, folder)
            if key in known and isinstance(item, str)
            else with_absolute_paths(item, folder, known)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [with_absolute_paths(item, folder, known) for item in value]
    return value


def _absolute(text: str, folder: Path) -> str:
    if not text or "://" in text or text == "stdlib":
        return text
    path = (folder / Path(text).expanduser()).resolve()
    return str(path) if path.exists() or text.startswith((".", "/", "~")) else text


def plain(value: Any) -> Any:
    """`value` (what pydantic dumps) as YAML can hold it: tuples as lists, paths as text."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
