"""Programs with loops, watched as they are in the sandbox, in a process with no other thread."""

import random
import signal
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from types import FrameType
from typing import Any

from opencodeinstruct.tools.sandbox.inside import endless
from opencodeinstruct.tools.sandbox.inside.findings import SOLUTION

LONG = 3.0  # seconds, after which a program is ended that was not found to be endless
LOST = 120.0  # seconds, after which a process is given up


class Stopped(BaseException):
    """The program was found to be endless, and is ended."""


@dataclass(slots=True)
class Run:
    """What came of a program: its result, and whether it was found to be endless."""

    result: Any = None
    endless: bool = False


class Watcher:
    """Watches `f` of a program from the line on that is the `after`-th to be run."""

    def __init__(self, after: int) -> None:
        self.after, self.lines, self.run = after, 0, Run()

    def trace(self, frame: FrameType, event: str, _: object) -> Any:
        """See `sys.settrace`."""
        if frame.f_code.co_filename != SOLUTION or frame.f_code.co_name != "f":
            return self.trace
        self.lines += event == "line"
        if self.lines < self.after or event != "line":
            return self.trace
        sys.settrace(None)
        disturbed = endless.is_disturbed()
        end_after(LONG)
        return None if disturbed else self.begin(frame)

    def begin(self, frame: FrameType) -> Any:
        """Watch from here on, for as long as it takes."""
        watch = endless.Watch(frame)
        watch.until = float("inf")
        if not watch.loops:
            return None
        watch.begin()
        return watch.told

    def found(self) -> None:
        """It was found to be endless."""
        self.run.endless = True
        end_after(0.001)


def end_after(seconds: float) -> None:
    """End the program then, and again where something keeps it from ending; 0 for never."""

    def stop(*_: object) -> None:
        raise Stopped

    signal.signal(signal.SIGALRM, stop if seconds else signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds and 0.05)


class Apart:
    """A process for the programs: here, threads and alarms of other tests may be there."""

    def __init__(self) -> None:
        self.pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))

    def run(self, code: str, *, after: int) -> Run:
        """Call `f()` of `code`, watched from that line on."""
        return self.pool.submit(run_watched, code, after).result(LOST)


def run_watched(code: str, after: int) -> Run:
    """See `Apart.run`; this is its process."""
    assert not endless.is_disturbed()
    watcher, text = Watcher(after), textwrap.dedent(code)
    endless.never = watcher.found
    namespace: dict[str, Any] = {"__name__": "solution"}
    exec(compile(text, SOLUTION, "exec", dont_inherit=True), namespace)
    endless.know(text)
    sys.settrace(watcher.trace)
    try:
        watcher.run.result = namespace["f"]()
    except Stopped:
        pass
    finally:
        sys.settrace(None)
        end_after(0)
    return watcher.run


class Invented:
    """A program of loops over three numbers below 5, by chance.

    `ends` runs it with a count of turns: as it has few states, one that takes many never ends.
    """

    MOST = 20_000  # more than it has states, with those of its loops over ranges

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[tuple[int, str]] = []
        self.write(1, f"a, b, c = {[self.random.randrange(5) for _ in range(3)]}")
        self.write(1, "k = 0")
        for _ in range(3):
            self.loop(1, 0)
        self.write(1, "return a, b, c, k")

    def write(self, depth: int, line: str) -> None:
        self.lines.append((depth, line))

    def value(self) -> str:
        one, other = self.random.choices("abc", k=2)
        return self.random.choice(
            (one, f"({one} + {self.random.randrange(5)}) % 5", f"({one} * {other}) % 5",
             f"abs({one} - {other})", f"max({one}, {other})", f"({one} + {other} + 1) % 5")
        )  # fmt: skip

    def condition(self) -> str:
        sign = self.random.choice(("<", "!=", "==", ">="))
        return f"{self.random.choice('abc')} {sign} {self.value()}"

    def loop(self, depth: int, level: int) -> None:
        kind = self.random.choice(("while", "while", "while", "for"))
        if kind == "while":
            test = "True" if self.random.random() < 0.2 else self.condition()
            self.write(depth, f"while {test}:")
        else:
            self.write(depth, f"for _ in range({self.random.randrange(1, 4)}):")
        self.write(depth + 1, "tick()")
        for _ in range(self.random.randrange(1, 4)):
            self.statement(depth + 1, level)

    def statement(self, depth: int, level: int) -> None:
        drawn = self.random.random()
        if drawn < 0.2 and level < 2:
            self.loop(depth, level + 1)
        elif drawn < 0.4:
            self.write(depth, f"if {self.condition()}:")
            leave = self.random.choice(("break", "continue", f"c = {self.value()}"))
            self.write(depth + 1, leave)
        elif drawn < 0.5:
            self.write(depth, f"k += {self.value()}")
        else:
            self.write(depth, f"{self.random.choice('abc')} = {self.value()}")

    def code(self, *, counted: bool) -> str:
        body = ((depth, line) for depth, line in self.lines if counted or line != "tick()")
        return "def f():\n" + "\n".join("    " * depth + line for depth, line in body) + "\n"

    def ends(self) -> bool:
        turns = 0

        def tick() -> None:
            nonlocal turns
            turns += 1
            if turns > self.MOST:
                raise Stopped

        namespace: dict[str, Any] = {"tick": tick}
        exec(self.code(counted=True), namespace)
        try:
            namespace["f"]()
        except Stopped:
            return False
        return True
