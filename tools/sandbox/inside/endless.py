"""Whether a program that has been running for a while will ever end, or end in time.

Of programs that use up their time many are in a loop that comes back to the state that it had
before: a search that does not move, a number that stays what it is. The fork server sends a signal
to a process that has used some time, and what is here then looks at the loops that the program is
in, for some thousand turns. Where the state of one comes back (Brent's algorithm), or its numbers
move away from where it would end (`drift`), it cannot end, and the process says so by the signal of
a time limit; it does the same where a loop has more turns left than there is time for (`lengthy`).
What cannot be told, or would take long, goes on as if nothing had been.

No verdict rests on what a candidate could bend: it can make its own program end as a `timeout`.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # as in `enclosure`
import ast
import marshal
import os
import sys
import time
from types import FrameType, FunctionType
from typing import Any

from opencodeinstruct.tools.sandbox.inside.drift import Drift
from opencodeinstruct.tools.sandbox.inside.findings import SOLUTION
from opencodeinstruct.tools.sandbox.inside.lengthy import is_too_long
from opencodeinstruct.tools.sandbox.inside.loops import (
    SCALARS,
    Loop,
    Reached,
    Unclear,
    called_only,
    line_of,
    loops_around,
    names_in,
    own_names,
)

LOOK, NEVER = _signal.SIGURG, _signal.SIGXCPU
ALARMS = (
    *(_signal.SIGALRM, _signal.SIGVTALRM, _signal.SIGPROF, _signal.SIGUSR1, _signal.SIGUSR2),
    *(_signal.SIGIO, NEVER),
)
MOST_TURNS, MOST_EVENTS = 2000, 50_000
MOST_SECONDS, MOST_SHARE = 0.02, 0.25  # of CPU for one look; of what was used before it
WATCH_AGAIN = 3  # times as much CPU has been used
# characters of a solution that is looked at, and for each second of CPU that it has used: to parse
# so many takes a tenth of that, of a table of numbers half
MOST_CODE, CODE_A_SECOND = 100_000, 1_000_000
MOST_VALUES, MOST_BYTES = 1000, 1 << 14  # of one state
MOST_GROWTH = 8  # characters by which a text grows in one turn
ROOM = 100  # calls that must still be possible
Trace = Any  # a trace function returns itself

code_of_solution = ""
tree_of_solution: ast.Module | None = None
seconds_allowed, watch_from = float("inf"), 0.0


def allow(seconds: float) -> None:
    """A test may use so many seconds of CPU, here and in all processes forked from here."""
    global seconds_allowed
    seconds_allowed = seconds


def know(code: str) -> None:
    """This is the solution's code."""
    global code_of_solution, tree_of_solution
    code_of_solution, tree_of_solution = code, None


def tree() -> ast.Module:
    """The same as a tree."""
    global tree_of_solution
    if tree_of_solution is None:
        tree_of_solution = ast.parse(code_of_solution)
    return tree_of_solution


def listen() -> None:
    """Look when the signal comes, here and in all processes forked from here."""
    _signal.signal(LOOK, look)


def look(_: int, frame: FrameType | None) -> None:
    """See how much a loop has before it, and at times watch all that the program is in.

    Whatever fails, the program goes on.
    """
    global watch_from
    try:
        used = time.thread_time()
        if frame is None or is_disturbed() or len(code_of_solution) > readable(used):
            return
        if frame.f_code.co_filename == SOLUTION and is_too_long(frame, tree(), seconds_allowed):
            never()
        if used >= watch_from:
            watch_from = WATCH_AGAIN * used
            watched = Watch(frame)
            if watched.loops:
                watched.begin()
    except BaseException:  # noqa: BLE001 - nothing of this may reach the program
        sys.settrace(None)


def readable(used: float) -> float:
    """How many characters of code may be parsed by a program that has used so much CPU."""
    return min(MOST_CODE, CODE_A_SECOND * used)


def is_disturbed() -> bool:
    """Whether something else than the program's own code may end its loop."""
    if (
        len(sys._current_frames()) != 1
        or sys.gettrace() is not None
        or sys.getprofile() is not None
    ):
        return True
    usual = (_signal.SIG_DFL, _signal.SIG_IGN)
    return any(_signal.getsignal(alarm) not in usual for alarm in ALARMS)


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


class Watch:
    """A look at the loops in all frames of the solution that are under way."""

    def __init__(self, frame: FrameType) -> None:
        self.loops: dict[FrameType, list[State]] = {}
        self.events = 0
        used = time.thread_time()
        self.until = used + min(MOST_SECONDS, MOST_SHARE * used)
        depth = 0
        here: FrameType | None = frame
        while here is not None:
            depth += 1
            if here.f_code.co_filename == SOLUTION:
                self.take(here, tree())
            here = here.f_back
        if depth > sys.getrecursionlimit() - ROOM:
            self.loops.clear()

    def take(self, frame: FrameType, tree: ast.Module) -> None:
        """Watch the loops of `frame` that it is in, so far as something can be told of them."""
        for loop in loops_around(tree, frame.f_code, line_of(frame)):
            try:
                state = State(loop, frame, tree)
            except Unclear:
                continue
            self.loops.setdefault(frame, []).append(state)

    def begin(self) -> None:
        """From now on be told of each line."""
        for frame in self.loops:
            frame.f_trace = self.told
        sys.settrace(self.called)

    def end(self) -> None:
        """No more."""
        sys.settrace(None)
        for frame in self.loops:
            frame.f_trace = None
        self.loops.clear()

    def is_over(self) -> bool:
        """Whether it has been looked at for long enough."""
        self.events += 1
        if self.events % 64 == 0 and time.thread_time() > self.until:
            return True
        return self.events > MOST_EVENTS or not self.loops

    def called(self, *_: Any) -> Trace:
        """Nothing in what is called matters by itself."""
        try:
            if self.is_over():
                self.end()
        except BaseException:  # noqa: BLE001 - as in `look`
            sys.settrace(None)

    def told(self, frame: FrameType, event: str, _: Any) -> Trace:
        """A line of a watched frame is about to be run, or it is left."""
        try:
            if self.is_over():
                self.end()
                return None
            if event == "line":
                self.by(frame)
            elif event == "return":
                self.loops.pop(frame, None)
        except BaseException:  # noqa: BLE001 - as in `look`
            self.loops.clear()
            sys.settrace(None)
            return None
        return self.told

    def by(self, frame: FrameType) -> None:
        """Each loop of `frame` that comes by, or is left, at this line."""
        line = frame.f_lineno
        for state in tuple(self.loops.get(frame, ())):
            loop = state.loop
            if not loop.first <= line <= loop.last:
                state.forget()
            elif line == loop.marker:
                try:
                    over = state.drifts() or state.returns()
                except Unclear:
                    self.loops[frame].remove(state)
                    continue
                if over:
                    never()
                if state.power > MOST_TURNS:
                    self.loops[frame].remove(state)


def never() -> None:
    """End this process: it would never end."""
    sys.settrace(None)
    _signal.signal(NEVER, _signal.SIG_DFL)
    os.kill(os.getpid(), NEVER)
