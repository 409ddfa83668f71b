"""What stands in the tests for what stays with the candidate.

A handle does nothing by itself: it asks the other process. Where an operator hands a test's value
to the candidate's own object, the answer is the candidate's opinion, and the link notes it. An
object of a class that the test never named gets no such say: it is not equal to plain data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MOST_AHEAD = 1024  # items of an iterator that are fetched at once


class Handle:
    """An object that stays in the other process.

    `_handle_tested` is false for a function that is none of those that the tests are about.
    """

    __slots__ = ("__weakref__", "_handle_kind", "_handle_link", "_handle_number", "_handle_tested")
    __hash__: Any

    def __init__(self, link: Any, number: int, kind: int) -> None:
        object.__setattr__(self, "_handle_link", link)
        object.__setattr__(self, "_handle_number", number)
        object.__setattr__(self, "_handle_kind", kind)
        object.__setattr__(self, "_handle_tested", True)

    def __getattr__(self, name: str) -> Any:
        return self._handle_link.attribute(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._handle_link.operate("setattr", self, name, value)

    def __delattr__(self, name: str) -> None:
        self._handle_link.operate("delattr", self, name)

    def __dir__(self) -> Any:
        return self._handle_link.operate("dir", self)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._handle_link.operate("setitem", self, key, value)

    def __delitem__(self, key: Any) -> None:
        self._handle_link.operate("delitem", self, key)

    def __enter__(self) -> Any:
        return self._handle_link.operate("getattr", self, "__enter__")()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> Any:
        leave = self._handle_link.operate("getattr", self, "__exit__")
        if error is not None:
            self._handle_link.give_up("an exception within the candidate's own context manager")
        return leave(None, None, None)

    def __mro_entries__(self, bases: Any) -> Any:
        return self._handle_link.give_up("a class that the test derives from the candidate's")

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self._handle_link.give_up("a copy of the candidate's object")


class Callable(Handle):
    """A function, or an object that can be called."""

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._handle_link.call(self, args, kwargs)


class Class(Callable):
    """A class of the candidate's."""

    __slots__ = ()

    def __instancecheck__(self, value: Any) -> Any:
        return isinstance(value, Handle) and self._handle_link.opinion("isinstance", value, self)

    def __subclasscheck__(self, value: Any) -> Any:
        return isinstance(value, Handle) and self._handle_link.opinion("issubclass", value, self)


class Source(Handle):
    """An iterator; its items are fetched in growing bunches."""

    __slots__ = ("_handle_items",)

    def __init__(self, link: Any, number: int, kind: int) -> None:
        Handle.__init__(self, link, number, kind)
        object.__setattr__(self, "_handle_items", bunches(link, number))

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return next(self._handle_items)


def bunches(link: Any, number: int) -> Iterator[Any]:
    """The items of the iterator `number`."""
    most = 1
    while True:
        items, end = link.ahead(number, most)
        yield from items
        if end is not None:
            if end is not True:
                raise end
            return
        most = min(2 * most, MOST_AHEAD)


def alone(name: str) -> Any:
    """The special method for an operator that takes nothing of the test's but numbers."""

    def method(self: Handle, *args: Any) -> Any:
        return self._handle_link.operate(name, self, *args)

    return method


def judged(name: str, *, swapped: bool = False) -> Any:
    """The special method for an operator that shows the candidate a value of the test's."""

    def method(self: Handle, other: Any) -> Any:
        pair = (other, self) if swapped else (self, other)
        return self._handle_link.compare(name, self, other, pair)

    return method


ALONE = {
    **{f"__{name}__": name for name in ("len", "bool", "str", "repr", "hash", "int", "float")},
    **{f"__{name}__": name for name in ("complex", "iter", "abs", "round", "reversed", "format")},
    **{f"__{name}__": name for name in ("index", "neg", "pos", "invert", "getitem")},
}
BINARY = (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "lshift",
    "rshift",
    "and",
    "or",
    "xor",
    "divmod",
)
PYTHON = {"and": "and_", "or": "or_"}  # as `operator` calls them
for special, operation in ALONE.items():
    setattr(Handle, special, alone(operation))
for comparison in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Handle, f"__{comparison}__", judged(comparison))
for binary in BINARY:
    setattr(Handle, f"__{binary}__", judged(PYTHON.get(binary, binary)))
    setattr(Handle, f"__r{binary}__", judged(PYTHON.get(binary, binary), swapped=True))
    if binary != "divmod":
        setattr(Handle, f"__i{binary}__", judged("i" + binary))
setattr(Handle, "__contains__", judged("contains"))  # noqa: B010 - the checker reads `in` in it

KINDS: dict[tuple[str, int, str], type[Handle]] = {}


def made(can: str, name: str) -> type[Handle]:
    """A class of handles."""
    return type(name, (SHAPES[can],), {"__slots__": (), "__module__": "solution"})


def handle_class(can: str, kind: int, name: str) -> type[Handle]:
    """The class of handles of the candidate's class `kind`, under the name that has there."""
    key = (can, kind, name)
    if key not in KINDS:
        plain = key == ("call", kind, "function") and FUNCTION not in KINDS.values()
        KINDS[key] = FUNCTION if plain else made(can, name)
    return KINDS[key]


SHAPES = {"keep": Handle, "call": Callable, "class": Class, "next": Source}
FUNCTION = made("call", "function")  # every program has some, and a class takes time to make
