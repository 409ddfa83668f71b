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
import os
import sys
import time
from types import FrameType
from typing import Any

from opencodeinstruct.tools.sandbox.inside.findings import SOLUTION
from opencodeinstruct.tools.sandbox.inside.lengthy import is_too_long
from opencodeinstruct.tools.sandbox.inside.loops import Unclear, line_of, loops_around
from opencodeinstruct.tools.sandbox.inside.states import State

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
