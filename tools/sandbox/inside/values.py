"""How the candidate's values leave its process, and what the tests' mean here.

Data goes as it is. Everything else stays, and goes as a number with what can be done with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import CoroutineType, FunctionType
from typing import Any

from opencodeinstruct.tools.sandbox.inside.codec import (
    MOST_DEPTH,
    Decoder,
    Encoder,
    Unreadable,
    Unwritable,
    numbers_of,
)
from opencodeinstruct.tools.sandbox.inside.findings import described, where
from opencodeinstruct.tools.sandbox.inside.names import DATA, name_of, own_name, shared

OWN = "solution"  # the module's name
MOST_SAID = 65536  # characters of an exception's message
BASES = (bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset)
TOO_LARGE = [None, "MemoryError", ["MemoryError"], ["l"], "", 0, "MemoryError: too large an answer"]
UNSHOWABLE = [None, "Exception", ["Exception"], ["l"], "", 0, "an exception that cannot be shown"]


def known_bases(kind: type) -> list[str]:
    """The classes above and with `kind` that are not the candidate's, nearest first."""
    return [
        one.__name__ if one.__module__ == "builtins" else f"{one.__module__}.{one.__name__}"
        for one in kind.__mro__
        if one.__module__ != "solution" and one is not object
    ]


class Values:
    """Objects that stay here, by the number under which the other process knows them.

    `callback` makes the function that stands for one of the test's.
    """

    def __init__(self, callback: Callable[[int], Callable[..., Any]]) -> None:
        self.objects: list[Any] = []
        self.numbers: dict[int, int] = {}
        self.callbacks: dict[int, int] = {}
        self.make_callback = callback
        self.encoder = Encoder(self.outward)
        self.decoder = Decoder(self.inward)

    def number(self, value: Any) -> int:
        """The number of an object, which is kept from now on."""
        key = id(value)
        if key not in self.numbers:
            self.numbers[key] = len(self.objects)
            self.objects.append(value)
        return self.numbers[key]

    def outward(self, value: Any) -> Any:
        """How a value that is no plain data goes to the other process."""
        kind = type(value)
        named = name_of(value) if isinstance(value, type) else None
        if named is not None and named[1] in DATA:
            return named
        if id(value) in self.callbacks:
            return ["cb", self.callbacks[id(value)]]
        if isinstance(value, BaseException):
            return ["x", *self.raised(value)]
        numeric = numbers_of(value)
        if numeric is not None:
            return numeric
        return self.based(value, kind) or self.kept(value, kind)

    def based(self, value: Any, kind: type) -> Any:
        """A value of the candidate's own kind of int, list and so on; None for all else."""
        for base in BASES:
            if issubclass(kind, base):
                fields = getattr(kind, "_fields", None)
                if base is tuple and type(fields) is tuple:
                    items = self.encoder.items(tuple.__iter__(value), MOST_DEPTH)
                    return ["nt", kind.__name__, ["l", *fields], ["l", *items]]
                plain = self.encoder.value(plainly(value, base), MOST_DEPTH)
                return ["hb", self.number(value), self.number(kind), plain]
        return None

    def kept(self, value: Any, kind: type) -> Any:
        """The number of an object that stays here, and what can be done with it."""
        if isinstance(value, type):
            if issubclass(value, BaseException):
                return ["xc", self.number(value), value.__name__, known_bases(value)]
            return ["h", self.number(value), "class", self.number(value), value.__name__]
        can = "call" if callable(value) else "keep"
        if hasattr(kind, "__next__"):
            can = "next"
        elif isinstance(value, CoroutineType):
            can = "await"
        return ["h", self.number(value), can, self.number(kind), kind.__name__]

    def inward(self, tag: str, data: list[Any]) -> Any:
        """What the other process means by an array that is no plain data."""
        if tag in ("h", "xc"):
            return self.objects[data[1]]
        if tag in ("g", "m"):
            return shared(tag, data)
        if tag == "cb":
            return self.callback(data[1])
        if tag == "it":
            return iter([self.decoder.value(one) for one in data[1:]])
        if tag == "re":
            return re.compile(data[1], data[2])
        raise Unreadable(tag)

    def by_name(self, name: str, value: Any) -> Any:
        """How what the solution calls `name` goes: what is known by that name stays what it is."""
        if type(value) is FunctionType and value.__module__ == OWN:  # as most are; the same, sooner
            return ["h", self.number(value), "call", self.number(FunctionType), "function"]
        named = name_of(value)
        return named if own_name(name, named) else self.written(value)

    def callback(self, number: int) -> Callable[..., Any]:
        """A function of the test's, as the candidate calls it; known again when it goes back."""
        function = self.make_callback(number)
        self.callbacks[id(function)] = number
        self.objects.append(function)  # so that its id stays its own
        return function

    def written(self, value: Any) -> Any:
        """`value` as it is sent; kept here where it is too deep, too large or goes in circles."""
        try:
            return self.encoder.fresh(value)
        except (Unwritable, RecursionError):
            return self.kept(value, type(value))

    def explained(self, error: BaseException) -> list[Any]:
        """As `raised`; of an exception that cannot be looked at, that it is one."""
        try:
            return self.raised(error)
        except BaseException:  # noqa: BLE001 - an exception's own methods
            return UNSHOWABLE

    def raised(self, error: BaseException) -> list[Any]:
        """Own class if it is the candidate's, name, known bases, arguments, text, line, all."""
        kind = type(error)
        own = self.number(kind) if kind.__module__ == "solution" else None
        try:
            args = self.encoder.fresh(list(error.args))
        except Unwritable:
            args = ["l", str(error)[:1000]]
        text = described(error).decode("utf-8", "replace")
        said = str(error)[:MOST_SAID]
        return [own, kind.__name__, known_bases(kind), args, said, where(error)[2], text]


def plainly(value: Any, base: type) -> Any:
    """The plain `base` within `value`, whatever its own methods say."""
    if base in (int, bool):
        return int.__add__(value, 0)
    if base is float:
        return float.__add__(value, 0.0)
    if base is complex:
        return complex.__add__(value, 0j)
    if base is str:
        return str.__str__(value) if type(value) is str else str.__getitem__(value, slice(None))
    if base is dict:
        return {key: dict.__getitem__(value, key) for key in dict.__iter__(value)}
    if base in (bytes, bytearray):
        return base(memoryview(value))
    return base(base.__iter__(value))  # type: ignore[attr-defined]
