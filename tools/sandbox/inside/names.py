"""What both processes of a split program may name to each other instead of sending it.

A function or class of the standard library is not data, but both processes have it. Nothing is
named here that could act for the other side: no `eval`, no `open`, no attribute of an attribute.
"""

from __future__ import annotations

import importlib
import sys
from types import BuiltinFunctionType, FunctionType, MethodDescriptorType, ModuleType
from typing import Any

from opencodeinstruct.tools.sandbox.inside.codec import Unreadable

MODULES = frozenset(
    (
        *("bisect", "cmath", "collections", "collections.abc", "copy", "datetime", "decimal"),
        *("enum", "fractions", "functools", "heapq", "itertools", "json", "math", "numbers"),
        *("operator", "re", "statistics", "string", "textwrap", "time", "types", "typing"),
        *("numpy", "pandas", "random", "os", "sys", "io", "hashlib", "queue", "calendar"),
    )
)
EFFECTS = ("random", "os", "sys", "io", "time", "types", "pandas", "json", "typing", "queue")
NAMED_FROM = MODULES - set(EFFECTS)  # what these define only computes
DATA = frozenset(("builtins", "collections", "datetime", "decimal", "fractions", "numpy"))
SHORT = {"np": "numpy", "pd": "pandas"}  # modules by the names that they are imported under
BUILTIN_NAMES = """
all any ascii bin bool bytearray bytes callable chr complex dict divmod enumerate filter float
format frozenset hash hex int isinstance issubclass iter len list map max memoryview min next object
oct ord pow range repr reversed round set slice sorted str sum tuple type zip
"""
BUILTINS = frozenset(BUILTIN_NAMES.split())
SHARED_KINDS = (type, FunctionType, BuiltinFunctionType)


def name_of(value: Any) -> list[str] | None:
    """How the other process finds the same function, class or module; None if it cannot."""
    if type(value) is ModuleType:
        name: Any = value.__name__
        return ["m", name] if name in MODULES and sys.modules.get(name) is value else None
    if type(value) is MethodDescriptorType:  # str.upper, say
        names = [value.__objclass__.__name__, value.__name__]
        return ["g", "builtins", *names] if found("builtins", *names) is value else None
    if not isinstance(value, SHARED_KINDS):
        return None
    place: Any = getattr(value, "__module__", None)
    name = getattr(value, "__name__", None)
    if type(place) is not str or type(name) is not str:
        return None
    place = place.removeprefix("_")  # of `_operator` and the like, which are in C
    return ["g", place, name] if found(place, name) is value else None


def found(place: str, *names: str) -> Any:
    """The function or class of that name that both sides may use; None if there is none."""
    if any(name.startswith("_") for name in names):
        return None
    if place == "builtins":
        if not names or names[0] not in BUILTINS:
            return None
        value: Any = getattr(sys.modules["builtins"], names[0], None)
        if len(names) == 2 and type(value) is type:
            value = vars(value).get(names[1])
            return value if type(value) is MethodDescriptorType else None
        return value if len(names) == 1 else None
    if place not in NAMED_FROM or len(names) != 1:
        return None
    value = vars(importlib.import_module(place)).get(names[0])
    return value if isinstance(value, SHARED_KINDS) else None


def shared(tag: str, data: list[Any]) -> Any:
    """What `name_of` named; `Unreadable` if nothing, or nothing that may be."""
    names = data[1:]
    if not names or not all(type(name) is str for name in names):
        raise Unreadable("a name")
    if tag == "m":
        if names[0] not in MODULES:
            raise Unreadable("a module")
        try:
            return importlib.import_module(names[0])
        except ImportError:
            raise Unreadable("a module") from None
    value = found(names[0], *names[1:])
    if value is None:
        raise Unreadable("a name")
    return value


def own_name(name: str, data: Any) -> bool:
    """Whether `data` names what goes by `name` in any program: `gcd` for `math.gcd`, say."""
    if type(data) is not list or data[:1] not in (["g"], ["m"]) or type(data[-1]) is not str:
        return False
    return len(data) == (3 if data[0] == "g" else 2) and (
        data[-1].rpartition(".")[2] == name or data[-1] == SHORT.get(name)
    )


def data_class(data: list[Any]) -> Any:
    """The class of data that `name_of` named; `Unreadable` for all else, which could act."""
    value = shared("g", data)
    if not isinstance(value, type) or data[1] not in DATA or len(data) != 3:
        raise Unreadable("a name")
    return value


def library_names() -> frozenset[str]:
    """Names under which programs know modules of the standard library and what is in them."""
    modules = [sys.modules[name] for name in NAMED_FROM if name in sys.modules]
    public = {name for module in modules for name in vars(module) if not name.startswith("_")}
    return frozenset(public | MODULES | set(SHORT))
