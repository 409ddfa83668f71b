"""What is wrong with a recipe, in one line that says which key, and what was probably meant."""

import difflib
import re
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from opencodeinstruct.builder.errors import RecipeError

_LONGEST_SHOWN = 60  # characters of a value that cannot be used
_SECRETIVE = frozenset({"model", "models"})  # a key may stand there by mistake: never shown
_BRANCHES = frozenset({"code", "hub-code", "problems", "taco", "str", "BenchmarkFile", "[key]"})
"""Parts of a place that pydantic puts there: names of a union's branches, no keys of the file."""

_LIKE = 0.75  # of two keys: one letter of four may differ
_NEARBY = 0.15  # a key of the same place is the likelier one

_MAPPING = "must be a mapping of keys to values"
_WHOLE = "must be a whole number"
_NUMBER = "must be a number"
_TRUTH = "must be true or false"
_SAID = {
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "string_type": "must be text",
    "path_type": "must be a path",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "too_short": "must have at least one entry",
    "string_pattern_mismatch": (
        "must be letters, digits, '.', '_' and '-', the first of them a letter or digit"
    ),
    "union_tag_not_found": "`kind` is missing: one of code, hub-code, problems, taco",
}


def refusal(path: Path, error: ValidationError, model: type[BaseModel]) -> RecipeError:
    """The first of pydantic's complaints about a `model`, as one line."""
    every = error.errors(include_url=False)
    complaints = [complaint for complaint in every if _is_to_the_point(complaint, every)] or every
    first = complaints[0]
    more = f" ({len(complaints) - 1} more)" if len(complaints) > 1 else ""
    place = ".".join(_shown_key(part) for part in _keys(first))
    said = _sentence(first, model)
    return RecipeError(path, (f"{place}: " if place else "") + f"{said}{more}")


def refuse_truth_for_numbers(given: Any, made: Any, path: Path, place: str = "") -> None:
    """Refuse `children: yes`: pydantic takes it for 1. `made` is what it made of `given`."""
    if isinstance(given, bool) and not isinstance(made, bool) and isinstance(made, int | float):
        raise RecipeError(path, f"{place}: {str(given).lower()} is no number. Give one.")
    pairs: Iterator[tuple[Any, Any, Any]] = iter(())
    if isinstance(given, dict) and isinstance(made, dict):
        pairs = ((key, item, made.get(key)) for key, item in given.items())
    elif isinstance(given, list) and isinstance(made, list):
        pairs = ((index, *both) for index, both in enumerate(zip(given, made, strict=False)))
    for key, item, its in pairs:
        named = f"{place}.{_shown_key(key)}" if place else _shown_key(key)
        refuse_truth_for_numbers(item, its, path, named)


def _shown_key(key: object) -> str:
    """`key` on one line: a line break in it is written as such."""
    text = str(key)
    return text if text.isprintable() else repr(text)


def _is_to_the_point(complaint: ErrorDetails, every: Sequence[ErrorDetails]) -> bool:
    """Whether `complaint` is not a mere consequence of another one."""
    place = complaint["loc"]
    if place and place[-1] == "str":  # the other branch of a union says what a mapping lacks
        return not isinstance(complaint["input"], dict)
    if place and place[-1] == "BenchmarkFile":
        return False
    if complaint["type"] == "too_short":  # entries that were refused count as absent
        return not any(len(one["loc"]) > len(place) == len(_shared(one, place)) for one in every)
    return True


def _shared(complaint: ErrorDetails, place: tuple[int | str, ...]) -> list[int | str]:
    return [own for own, other in zip(complaint["loc"], place, strict=False) if own == other]


def _keys(complaint: ErrorDetails) -> list[int | str]:
    """The place of `complaint` in the file: keys, and numbers in lists from 0."""
    *above, last = complaint["loc"] or ("",)
    own = complaint["type"] in ("extra_forbidden", "missing")
    keys = [part for part in above if part not in _BRANCHES]
    return [*keys, last] if last != "" and (own or last not in _BRANCHES) else keys


def _sentence(complaint: ErrorDetails, model: type[BaseModel]) -> str:
    kind, given = complaint["type"], complaint.get("input")
    if kind == "extra_forbidden":
        return f"there is no such key. {_meant(complaint, model)}"
    if kind == "missing":
        return "is missing. Give it."
    if kind == "union_tag_invalid":
        tag = str(complaint["ctx"]["tag"])
        kinds = re.findall(r"'([^']+)'", str(complaint["ctx"]["expected_tags"]))
        close = difflib.get_close_matches(tag, kinds, n=1)
        hint = f" Did you mean `{close[0]}`?" if close else ""
        return f"kind: {tag[:_LONGEST_SHOWN]!r} is not one of {', '.join(kinds)}.{hint}"
    if kind == "value_error":
        return complaint["msg"].removeprefix("Value error, ").rstrip(".") + "."
    if complaint["loc"][-1:] == ("str",):
        return "must be a name, or a mapping with a name and a path."
    rule = _SAID.get(kind) or re.sub(r"^\w+ should", "must", complaint["msg"])
    if given is None:
        return f"has no value: it {rule}. Give one or remove the key."
    shown = isinstance(given, str | int | float) and complaint["loc"][0] not in _SECRETIVE
    return (f"{repr(given)[:_LONGEST_SHOWN]}: " if shown else "") + f"{rule}."


def _meant(complaint: ErrorDetails, model: type[BaseModel]) -> str:
    """What was probably meant by a key that is none: one of its place, or one of another."""
    key = str(complaint["loc"][-1])
    here = sorted({name for one in _models_at(complaint, model) for name in one.model_fields})
    places = {name: name for name in here}
    for name, place in _known_keys(model, ""):
        places.setdefault(name, place)

    def likeness(name: str) -> float:
        ratio = difflib.SequenceMatcher(None, name, key.lower()).ratio()
        return ratio + (_NEARBY if name in here else 0)

    best = max(places, key=likeness)
    if likeness(best) >= _LIKE:
        return f"Did you mean `{places[best]}`?"
    return f"There are {', '.join(here)}." if here else "Remove it."


def _models_at(complaint: ErrorDetails, model: type[BaseModel]) -> list[type[BaseModel]]:
    """The models whose keys may stand where `complaint` found another one."""
    found = [model]
    for part in complaint["loc"][:-1]:
        fields = [one.model_fields[part] for one in found if part in one.model_fields]
        if fields:
            found = [below for field in fields for below in _models_in(field.annotation)]
        else:  # a number in a list, the key of a free mapping, or the branch of a union
            found = [one for one in found if _kind(one) == part] or found
    return found


def _kind(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("kind")
    return get_args(field.annotation)[0] if field is not None else None


def _known_keys(model: type[BaseModel], place: str) -> Iterator[tuple[str, str]]:
    """Every key that a mapping somewhere in `model` may have, with its place, outer ones first."""
    below: list[tuple[type[BaseModel], str]] = []
    for name, field in model.model_fields.items():
        yield name, f"{place}{name}"
        below.extend((part, f"{place}{name}.") for part in _models_in(field.annotation))
    for part, its in below:
        yield from _known_keys(part, its)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for part in get_args(annotation):
        yield from _models_in(part)
