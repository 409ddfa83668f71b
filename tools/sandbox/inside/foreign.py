"""The candidate's exceptions, as the tests see them: of known classes, or below the nearest one."""

from __future__ import annotations

import builtins
import sys
from types import ModuleType
from typing import Any

from opencodeinstruct.tools.sandbox.inside.codec import Decoder, Unreadable


class Foreign:
    """Makes exceptions of what the candidate says of its own; remembers those of this test."""

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self.classes: dict[int, type[BaseException]] = {}
        self.raised: list[tuple[BaseException, int, str]] = []

    def exception(self, info: Any) -> BaseException:
        """The exception that the candidate raised, as one of this process."""
        if type(info) is not list or len(info) != 7:
            raise Unreadable("an exception")
        own, name, known, args, said, number, text = info
        if type(said) is not str or type(number) is not int or type(text) is not str:
            raise Unreadable("an exception")
        kind = self.kind(own, name, known)
        given = self.decoder.value(args)
        error = kind.__new__(kind, *given)
        error.args = tuple(given)
        if own is not None:
            error.said = said  # type: ignore[attr-defined]
        self.raised.append((error, number, text))
        return error

    def kind(self, own: Any, name: Any, known: Any) -> type[BaseException]:
        """The nearest known class; for a class of the candidate's one below that."""
        if type(known) is not list or type(name) is not str:
            raise Unreadable("an exception")
        base = next(filter(None, map(exception_named, known)), Exception)
        if own is None:
            return base
        if type(own) is not int:
            raise Unreadable("an exception")
        if own not in self.classes:
            body = {"__str__": lambda self: getattr(self, "said", ""), "__module__": "solution"}
            self.classes[own] = type(name, (base,), body)
        return self.classes[own]


def exception_named(name: Any) -> type[BaseException] | None:
    """The exception class of that name that both processes know."""
    if type(name) is not str:
        return None
    place, _, last = name.rpartition(".")
    owner = builtins if not place else sys.modules.get(place)
    value = vars(owner).get(last) if type(owner) is ModuleType else None
    return value if isinstance(value, type) and issubclass(value, BaseException) else None
