"""The states that a loop comes by: whether one comes back, or the numbers move off for good."""

from __future__ import annotations

import ast
import marshal
from types import FrameType, FunctionType
from typing import Any

from opencodeinstruct.tools.sandbox.inside.drift import Drift
from opencodeinstruct.tools.sandbox.inside.loops import (
    SCALARS,
    Loop,
    Reached,
    Unclear,
    called_only,
    names_in,
    own_names,
)

MOST_VALUES, MOST_BYTES = 1000, 1 << 14  # of one state
MOST_GROWTH = 8  # characters by which a text grows in one turn


class State:
    """The states that a loop comes by, one of which is kept to compare with."""

    def __init__(self, loop: Loop, frame: FrameType, tree: ast.Module) -> None:
        self.loop, self.frame = loop, frame
        self.reached = Reached(tree)
        self.reached.take([loop.node], frame.f_code, frame.f_globals)
        for name in called_only([loop.node]) & self.reached.names:  # defined in the function
            value = frame.f_locals.get(name)
            if isinstance(value, FunctionType):
                self.reached.call(value)
                self.reached.names.remove(name)
        names, own = names_in([loop.node]), own_names(frame.f_code)
        self.inner, self.outer = names & own, names - own
        self.drift = drift_of(loop, frame)
        self.forget()

    def forget(self) -> None:
        """The loop was left, or is begun with."""
        self.kept: bytes | None = None
        self.lengths: dict[str, int] = {}
        self.turns, self.power = 0, 1

    def drifts(self) -> bool:
        """Whether its numbers move on by the same amount, away from where it would end."""
        return self.drift is not None and self.drift.never_ends(self.values())

    def values(self) -> dict[str, Any]:
        """What the names of the loop are, those of the module among them."""
        here, space = self.frame.f_locals, self.frame.f_globals
        inner = {name: here[name] for name in self.inner if name in here}
        return inner | {name: space[name] for name in self.outer if name in space}

    def returns(self) -> bool:
        """Whether the state is one that there was before; `Unclear` if it is not plain data."""
        now = self.now()
        if now == self.kept and self.grows_slowly():
            return True
        self.turns += 1
        if self.turns == self.power:
            self.kept, self.lengths = now, self.texts()
            self.turns, self.power = 0, 2 * self.power
        return False

    def now(self) -> bytes:
        """The state as bytes: the place, and all values that decide, alike only if equal."""
        here, reached = self.frame.f_locals, self.reached
        values: list[Any] = [self.frame.f_lasti]
        for name in sorted(reached.names - self.growing(here)):
            values.append((name, here[name]) if name in here else name)
        values += [reached.held[held].get(held[1]) for held in sorted(reached.held)]
        values += [reached.cells[cell].cell_contents for cell in sorted(reached.cells)]
        plain(values)
        found = marshal.dumps(values)
        if len(found) > MOST_BYTES:
            raise Unclear("a large state")
        return found

    def growing(self, here: Any) -> set[str]:
        """The names that need not come back to what they were."""
        return {name for name in self.loop.grow if type(here.get(name)) in (int, float, str)}

    def texts(self) -> dict[str, int]:
        """The length of each text that grows."""
        here = self.frame.f_locals
        return {name: len(here[name]) for name in self.growing(here) if type(here[name]) is str}

    def grows_slowly(self) -> bool:
        """Whether no text grows so fast that memory rather than time ends the loop."""
        turns = self.turns + 1
        return all(
            size - self.lengths.get(name, 0) <= MOST_GROWTH * turns
            for name, size in self.texts().items()
        )


def drift_of(loop: Loop, frame: FrameType) -> Drift | None:
    """The drift of `loop`, where it moves nothing but the function's own names."""
    try:
        drift = Drift(loop.node, loop.grow)
    except Unclear:
        return None
    code = frame.f_code
    return drift if set(drift.moves) <= set(code.co_varnames) - set(code.co_cellvars) else None


def plain(values: list[Any]) -> None:
    """Raise `Unclear` for anything that is not built of numbers, texts, lists and dictionaries."""
    waiting, seen = list(values), 0
    while waiting:
        value = waiting.pop()
        seen += 1
        kind = type(value)
        if seen > MOST_VALUES:
            raise Unclear("many values")
        if kind in SCALARS:
            continue
        if kind is list or kind is tuple:
            waiting += value
        elif kind is dict:
            waiting += value
            waiting += value.values()
        else:
            raise Unclear(kind.__name__)
