"""C: the process that runs the candidate, and does what the tests in the other process ask for.

Nothing here is trusted once the candidate has been loaded: it may take this loop apart and answer
what it likes. All that it can do with that is answer, as any function can.
"""

from __future__ import annotations

import io
import operator
import random
import sys
from collections.abc import Callable
from os import _exit, pread
from types import ModuleType
from typing import Any

from opencodeinstruct.tools.sandbox.inside.codec import (
    MOST_BYTES,
    MUTABLE,
    PLAIN,
    SCALARS,
    Unreadable,
    Unwritable,
)
from opencodeinstruct.tools.sandbox.inside.enclosure import Plan, close
from opencodeinstruct.tools.sandbox.inside.together import load
from opencodeinstruct.tools.sandbox.inside.values import (
    BASES,
    TOO_LARGE,
    UNSHOWABLE,
    Values,
    plainly,
)
from opencodeinstruct.tools.sandbox.inside.wire import Closed, Wire, line

MOST_PRINTED = 65536  # characters that go back with one answer
MOST_WATCHED = 64  # arguments that may still change, when an object that holds them lives on
KEEPERS = (["h"], ["hb"])  # tags of objects that stay here
OPERATIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(operator, name) for name in operator.__all__ if name.islower()},
    **{one.__name__: one for one in (len, bool, str, repr, hash, int, float, complex, iter)},
    **{one.__name__: one for one in (abs, round, reversed, format, divmod, dir, isinstance)},
    **{one.__name__: one for one in (issubclass, getattr, setattr, delattr, type)},
}


class Printed(io.BytesIO):
    """What is printed, up to `MOST_PRINTED` bytes; the rest is lost."""

    def write(self, data: Any) -> int:
        """Keep of `data` what there is room for."""
        size = len(data)
        io.BytesIO.write(self, data[: max(0, MOST_PRINTED - self.tell())])
        return size


class Candidate:
    """The solution's end of the line: does what the other process asks for."""

    def __init__(self) -> None:
        self.wire = Wire(-1)
        self.values = Values(self.callback)
        self.encoder, self.decoder = self.values.encoder, self.values.decoder
        self.watched: dict[int, list[Any]] = {}
        self.count, self.lasting = 0, False
        self.module, self.code = ModuleType("solution"), b""
        self.held = Printed()
        self.printed = io.TextIOWrapper(self.held, "utf-8", "backslashreplace", write_through=True)

    def callback(self, number: int) -> Callable[..., Any]:
        """A function of the test's, as the candidate calls it."""

        def call(*args: Any, **kwargs: Any) -> Any:
            self.wire.send(line(["back", number, *self.arguments(args, kwargs)]))
            while True:
                message = self.decoder.message(self.wire.receive())
                if message[0] == "ret":
                    return self.decoder.value(message[1])
                if message[0] == "throw":
                    raise getattr(sys.modules["builtins"], message[1], Exception)(*message[2])
                self.answer(message)

        return call

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """Arguments as they are written."""
        return [self.encoder.fresh(list(args)), self.encoder.fresh(kwargs)]

    def serve(self, wire: Wire) -> None:
        """Answer what `wire` asks until nobody asks any more."""
        self.wire = wire
        sys.stdout = sys.stderr = self.printed
        self.reply(self.loaded())
        while True:
            message = self.decoder.message(wire.receive())
            if message[0] != "call" or not self.briefly(*message[1:]):
                self.answer(message)

    def briefly(self, target: int, args: list[Any], kwargs: list[Any]) -> bool:
        """Answer a call with scalars by a scalar, as most are; false for any other, not yet made.

        The same as `do_call` would say, by a shorter way.
        """
        if kwargs or self.watched or not SCALARS.issuperset(map(type, args)):
            return False
        try:
            value = self.values.objects[target](*args)
            written = value if type(value) in PLAIN else self.values.written(value)
            reply = ["ok", written, self.changes(written)]
        except Closed:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it raises is the answer
            reply = ["raise", self.values.explained(error)]
        self.reply(reply)
        return True

    def loaded(self) -> list[Any]:
        """Load the solution; what is to be said of that."""
        try:
            self.module = load(self.code.decode("utf-8", "surrogatepass"))
        except BaseException as error:  # noqa: BLE001 - whatever the code raises is its verdict
            return ["raise", self.values.explained(error)]
        return ["ok", None, []]

    def answer(self, message: list[Any]) -> None:
        """Do what `message` asks for and say what came of it."""
        try:
            reply = getattr(self, "do_" + message[0])(*message[1:])
        except Closed:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it raises is the answer
            reply = ["raise", self.values.explained(error)]
        self.reply(reply)

    def reply(self, reply: list[Any]) -> None:
        """Send an answer, with what was printed meanwhile."""
        reply.append(self.take())
        try:
            data = line(reply)
        except (ValueError, RecursionError, MemoryError):
            data = line(["raise", UNSHOWABLE, ""])
        if len(data) > MOST_BYTES:
            data = line(["raise", TOO_LARGE, ""])
        self.wire.send(data)

    def take(self) -> str:
        """What was printed since the last time, cut."""
        try:
            if not self.held.tell():
                return ""
            data = self.held.getvalue()
            self.held.seek(0)
            self.held.truncate()
            return data.decode("utf-8", "replace")
        except BaseException:  # noqa: BLE001 - the candidate may have closed it
            return ""

    def taken(self, raw: list[Any]) -> list[Any]:
        """The values of arguments; those that can change are watched, in the order of the other
        side, which counts them likewise."""
        given = [self.decoder.value(one) for one in raw]
        for before, now in zip(raw, given, strict=True):
            if type(before) is list and before[0] in MUTABLE:
                self.watched[self.count] = [before, now]
                self.watched.pop(self.count - MOST_WATCHED, None)
                self.count += 1
        return given

    def result(self, value: Any, raw: list[Any], given: list[Any]) -> list[Any]:
        """The answer to a call: value, and those arguments that are not what they were."""
        written = self.values.written(value)
        for place, (before, now) in enumerate(zip(raw, given, strict=True)):
            if now is value and type(before) is list and before[0] in MUTABLE:
                written = ["same", place]
        return ["ok", written, self.changes(written)]

    def changes(self, written: Any) -> list[Any]:
        """What has changed of what was given, by its count.

        Where nothing but data has been given back so far, nobody can change it any more.
        """
        self.lasting = self.lasting or (type(written) is list and written[:1] in KEEPERS)
        changed = []
        for count, watched in self.watched.items():
            try:
                after = self.encoder.fresh(watched[1])
            except (Unwritable, RecursionError):
                continue
            if after != watched[0]:
                watched[0] = after
                changed.append([count, after])
        if not self.lasting:
            self.watched.clear()
        return changed

    def do_call(self, target: Any, args: list[Any], kwargs: list[Any]) -> list[Any]:
        """Call a function; `args` and `kwargs` are written values."""
        raw = [*args, *kwargs[1::2]]
        given = self.taken(raw)
        names = dict(zip(kwargs[::2], given[len(args) :], strict=True))
        return self.result(self.values.objects[target](*given[: len(args)], **names), raw, given)

    def do_op(self, name: str, args: list[Any]) -> list[Any]:
        """Apply an operator or a built-in function."""
        given = self.taken(args)
        return self.result(OPERATIONS[name](*given), args, given)

    def do_next(self, target: int, most: int) -> list[Any]:
        """Up to `most` items of an iterator, and how it ended, if it did."""
        items, source = [], self.values.objects[target]
        try:
            for _ in range(most):
                items.append(self.values.written(next(source)))
        except StopIteration:
            return ["ok", items, True, self.changes(None)]
        except BaseException as error:  # noqa: BLE001 - told when its turn comes
            return ["ok", items, self.values.explained(error), self.changes(None)]
        return ["ok", items, False, self.changes(None)]

    def do_names(self, names: list[str]) -> list[Any]:
        """The module's values of those names, as far as it has them."""
        has = self.module.__dict__
        found = {name: self.values.by_name(name, has[name]) for name in names if name in has}
        return ["ok", found, []]

    def do_dir(self) -> list[Any]:
        """The module's public names."""
        names = self.module.__dict__.get("__all__")
        public = names or [name for name in self.module.__dict__ if not name.startswith("_")]
        return ["ok", ["l", *map(str, public)], []]

    def do_await(self, target: int) -> list[Any]:
        """What a coroutine comes to."""
        import asyncio

        return ["ok", self.values.written(asyncio.run(self.values.objects[target])), []]

    def do_base(self, target: int) -> list[Any]:
        """The plain value within one of the candidate's own kind."""
        value = self.values.objects[target]
        base = next(base for base in BASES if isinstance(value, base))
        return ["ok", self.encoder.fresh(plainly(value, base)), []]

    def do_seed(self, args: list[Any]) -> list[Any]:
        """Seed `random` here as the test has seeded it there."""
        random.seed(*[self.decoder.value(one) for one in args])
        return ["ok", None, []]


def run(solution: Candidate, file: int, size: int, plan: Plan, forget: Callable[[], None]) -> None:
    """Load the solution of a file and serve it until the tests are through; `solution` is fresh.

    `forget` parts from the number of steps.
    """
    leave = _exit
    code = pread(file, size, 0)
    (socket,) = close(plan)
    forget()
    solution.code = code
    try:  # noqa: SIM105 - `suppress` would touch nine pages of memory more
        solution.serve(Wire(socket))
    except (Closed, Unreadable, Unwritable):
        pass
    leave(0)
