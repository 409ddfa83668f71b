"""The tests' end of the line to the candidate: calls go out, data and handles come back.

What comes back is data or a handle, never code; what was expected of it never goes out, but where
an operator is applied to a handle, and then it is noted. What cannot be said this way ends the test
without a verdict, and the policy outside decides what its screening is worth.
"""

from __future__ import annotations

import builtins
import random
import re
import sys
from collections.abc import Iterator
from types import FunctionType, GeneratorType, MethodType
from typing import Any

from opencodeinstruct.tools.sandbox.inside.codec import (
    MUTABLE,
    Decoder,
    Encoder,
    Unreadable,
    Unwritable,
    is_data,
    named_tuple,
    numbers_of,
)
from opencodeinstruct.tools.sandbox.inside.foreign import Foreign
from opencodeinstruct.tools.sandbox.inside.handles import SHAPES, Handle, handle_class
from opencodeinstruct.tools.sandbox.inside.names import (
    data_class,
    library_names,
    name_of,
    own_name,
    shared,
)
from opencodeinstruct.tools.sandbox.inside.records import OBJECT_EQ, SPLIT
from opencodeinstruct.tools.sandbox.inside.renewal import merge
from opencodeinstruct.tools.sandbox.inside.wire import Closed, Wire, line

MOST_DRAINED = 10_000  # items of a test's iterator that are handed over
MOST_WATCHED = 64  # arguments that may still change, when an object that holds them lives on
MOST_NESTED = 50  # calls within calls


LIBRARY = library_names()


class Unsayable(BaseException):
    """The test needs what cannot be handed from process to process."""


class Link:
    """Asks the other process. `trust` and `unsaid` are of the present test."""

    def __init__(self, wire: Wire, entry_point: str | None) -> None:
        self.wire, self.entry_point = wire, entry_point
        self.trust, self.unsaid = SPLIT, ""
        self.handles: dict[int, Any] = {}
        self.named: set[int] = set()  # classes that the tests have named
        self.faked: set[str] = set()  # names of the library that the solution gave to its own
        self.callbacks: list[Any] = []
        self.watched: dict[int, Any] = {}
        self.count, self.depth = 0, 0
        self.broken: BaseException | None = None
        self.encoder, self.decoder = Encoder(self.outward), Decoder(self.inward)
        self.foreign = Foreign(self.decoder)
        self.surroundings = self.around()

    def around(self) -> tuple[Any, ...]:
        """What a test may replace for its solution, which would not notice."""
        mocked = "unittest.mock" in sys.modules
        return (builtins.input, builtins.print, builtins.open, sys.stdin, mocked)

    def fresh(self) -> None:
        """Begin a new test."""
        self.trust, self.unsaid = SPLIT, ""
        self.foreign.raised.clear()

    def give_up(self, reason: str) -> Any:
        """This test has no verdict here, even if it catches the exception that says so."""
        self.unsaid = self.unsaid or reason
        raise Unsayable(reason)

    def outward(self, value: Any) -> Any:
        """How a value of the test's that is no plain data goes to the candidate."""
        if isinstance(value, Handle):
            return ["h", value._handle_number]
        named = name_of(value) or numbers_of(value) or named_tuple(value, self.encoder)
        if named is not None:
            return named
        if isinstance(value, (FunctionType, MethodType)):
            self.callbacks.append(value)
            return ["cb", len(self.callbacks) - 1]
        if isinstance(value, re.Pattern) and type(value.pattern) is str:
            return ["re", value.pattern, value.flags]
        if isinstance(value, (Iterator, GeneratorType)):
            return self.drained(value)
        return self.returned(value)

    def returned(self, value: Any) -> Any:
        """An exception or exception class of the candidate's; nothing else can go there."""
        for number, kind in self.foreign.classes.items():
            if value is kind:
                return ["h", number]
        if isinstance(value, BaseException):
            raise TypeError("an exception cannot be handed to the solution")
        return self.give_up(f"a value of type {type(value).__name__}")

    def drained(self, source: Iterator[Any]) -> Any:
        """The items of a test's iterator."""
        items = []
        for item in source:
            items.append(self.encoder.value(item, 50))
            if len(items) > MOST_DRAINED:
                self.give_up("a long iterator")
        return ["it", *items]

    def written(self, value: Any) -> Any:
        """A value of the test's as it is sent."""
        try:
            return self.encoder.fresh(value)
        except (Unwritable, RecursionError):
            return self.give_up("a value that is too large, too deep or goes in circles")

    def inward(self, tag: str, data: list[Any]) -> Any:
        """What the candidate means by an array that is no plain data."""
        if tag == "g":
            return data_class(data)
        if tag == "x":
            return self.foreign.exception(data[1:])
        if tag == "xc" and len(data) == 4:
            return self.foreign.kind(data[1], data[2], data[3])
        if tag == "cb" and type(data[1]) is int and 0 <= data[1] < len(self.callbacks):
            return self.callbacks[data[1]]
        if tag == "hb" and len(data) == 4:
            number, kind, plain = data[1:]
            if kind in self.named:
                return self.handle(number, "keep", kind, "")
            return self.decoder.value(plain)
        if tag == "h" and len(data) == 5:
            return self.handle(*data[1:])
        raise Unreadable(tag)

    def handle(self, number: Any, can: Any, kind: Any, name: Any) -> Any:
        """What stands for the candidate's object `number`; the same for the same."""
        if type(number) is not int or type(kind) is not int or type(name) is not str:
            raise Unreadable("a handle")
        if can == "await":
            return self.later(number)
        if number not in self.handles:
            if can not in SHAPES:
                raise Unreadable("a handle")
            self.handles[number] = handle_class(can, kind, name)(self, number, kind)
        return self.handles[number]

    async def later(self, number: int) -> Any:
        """A coroutine that has the candidate's run."""
        return self.value(self.request(["await", number]))

    def request(self, message: list[Any]) -> list[Any]:
        """Ask, serve what is asked in between, and take the answer; raises what it raised."""
        if self.around() != self.surroundings:
            self.give_up("something that the test replaces around the solution")
        self.depth += 1
        try:
            if self.depth > MOST_NESTED:
                raise RecursionError("calls within calls")
            self.wire.send(line(message))
            return self.heard()
        except (Closed, Unreadable) as error:
            self.broken = error
            raise
        finally:
            self.depth -= 1

    def heard(self) -> list[Any]:
        """The next answer; calls back, which may come before it, are served."""
        while True:
            reply = self.decoder.message(self.wire.receive())
            if type(reply) is not list or len(reply) < 3:
                raise Unreadable("an answer")
            if reply[0] == "back":
                self.back(reply)
                continue
            self.printed(reply[-1])
            if reply[0] == "raise":
                raise self.foreign.exception(reply[1])
            if reply[0] != "ok":
                raise Unreadable("an answer")
            return reply

    def printed(self, text: Any) -> None:
        """Print here what was printed there."""
        if text:
            if type(text) is not str:
                raise Unreadable("printed")
            sys.stdout.write(text)

    def back(self, message: list[Any]) -> None:
        """Call the test's function that the candidate was given."""
        number, args, kwargs = message[1:4]
        if type(number) is not int or not 0 <= number < len(self.callbacks):
            raise Unreadable("a callback")
        given, names = self.decoder.value(args), self.decoder.value(kwargs)
        try:
            reply = ["ret", self.written(self.callbacks[number](*given, **names))]
        except Exception as error:  # noqa: BLE001 - it goes on in the candidate, as it would
            texts = [str(one) for one in error.args]
            reply = ["throw", type(error).__name__, texts]
        self.wire.send(line(reply))

    def value(self, reply: list[Any]) -> Any:
        """The value in an answer."""
        return self.decoder.value(reply[1])

    def watch(self, given: list[Any], raw: list[Any]) -> None:
        """Remember what can change of what is given, counted as the other side does."""
        for value, data in zip(given, raw, strict=True):
            if type(data) is list and data[0] in MUTABLE:
                self.watched[self.count] = value
                self.watched.pop(self.count - MOST_WATCHED, None)
                self.count += 1

    def renew(self, changes: Any) -> None:
        """Bring up to date what was given and has changed."""
        if type(changes) is not list:
            raise Unreadable("changes")
        for count, data in changes:
            if count in self.watched:
                merge(self.watched[count], self.decoder.value(data))

    def answered(self, reply: list[Any], given: list[Any]) -> Any:
        """The value in an answer; what was given is brought up to date first."""
        self.renew(reply[2])
        data = reply[1]
        if type(data) is list and data[:1] == ["same"]:
            return given[data[1]]
        return self.decoder.value(data)

    def call(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the candidate's function."""
        given = [*args, *kwargs.values()]
        raw = [self.written(one) for one in given]
        self.watch(given, raw)
        flat: list[Any] = []
        for name, data in zip(kwargs, raw[len(args) :], strict=True):
            flat += (name, data)
        message = ["call", target._handle_number, raw[: len(args)], flat]
        value = self.answered(self.request(message), given)
        if given and not target._handle_tested and not isinstance(value, Handle):
            self.trust = max(self.trust, OBJECT_EQ)
        return value

    def attribute(self, own: Any, name: str) -> Any:
        """An attribute of the candidate's object.

        A method of a class that the test does not name is none of those that it is about.
        """
        value = self.operate("getattr", own, name)
        if isinstance(value, Handle):
            known = own._handle_kind in self.named and own._handle_tested
            object.__setattr__(value, "_handle_tested", known)
        return value

    def operate(self, name: str, *given: Any) -> Any:
        """Have an operator or built-in function applied."""
        raw = [self.written(one) for one in given]
        self.watch(list(given), raw)
        return self.answered(self.request(["op", name, raw]), list(given))

    def opinion(self, name: str, *given: Any) -> Any:
        """The same, and note that it was the candidate's object that decided."""
        self.trust = max(self.trust, OBJECT_EQ)
        return self.operate(name, *given)

    def compare(self, name: str, own: Any, other: Any, pair: tuple[Any, Any]) -> Any:
        """An operator between the candidate's object and a value."""
        if own is other and name in ("eq", "ne"):
            return name == "eq"
        if isinstance(other, Handle):
            return self.opinion(name, *pair)
        if name in ("eq", "ne") and not is_data(other):
            return NotImplemented  # a type hint, say: the candidate's object knows nothing of it
        if own._handle_kind in self.named:
            return self.opinion(name, *pair)
        if name in ("eq", "ne"):
            return name == "ne"
        if name == "contains":
            return any(one is other or one == other for one in own)
        return NotImplemented

    def ahead(self, number: int, most: int) -> tuple[list[Any], Any]:
        """The next items of an iterator; and None, or True at its end, or what it raised."""
        reply = self.request(["next", number, most])
        items = [self.decoder.value(one) for one in reply[1]]
        self.renew(reply[3])
        if type(reply[2]) is list:
            return items, self.foreign.exception(reply[2])
        return items, True if reply[2] is True else None

    def names(self, wanted: list[str]) -> dict[str, Any]:
        """The values of the solution's names, as far as it has them."""
        reply = self.request(["names", wanted])
        if type(reply[1]) is not dict:
            raise Unreadable("names")
        return {name: self.named_value(name, reply[1][name]) for name in wanted if name in reply[1]}

    def named_value(self, name: str, data: Any) -> Any:
        """What the solution calls `name`; notes where that is the name of something else."""
        if own_name(name, data):
            return shared(data[0], data)
        if name != self.entry_point and name in LIBRARY:
            self.faked.add(name)
        if type(data) is list and data[:1] == ["h"] and data[2:3] == ["class"]:
            self.named.add(data[1])
        return self.decoder.value(data)

    def seed(self, *args: Any) -> None:
        """Seed `random` here and there."""
        seed_here(*args)
        self.request(["seed", [self.written(one) for one in args]])


seed_here = random.seed
