"""What an attack is, and what a wrong program may be told."""

from dataclasses import dataclass

from opencodeinstruct.builder.schema import VERDICTS
from opencodeinstruct.tools.ports import Limits

SHORT = Limits(cpu_seconds=0.3, wall_seconds=1.5, memory_mib=128, output_bytes=4096)

PASS = frozenset({"pass"})
FAIL = frozenset({"fail"})
ERROR = frozenset({"error"})
CRASH = frozenset({"crash"})
TIMEOUT = frozenset({"timeout"})
MEMORY = frozenset({"memory"})
WRONG = frozenset({"fail", "error"})  # compared and unequal, or not to be compared at all
BROKEN = frozenset({"fail", "error", "crash", "refused"})  # whatever is said, it is no pass
NO_PASS = frozenset(VERDICTS) - PASS
ANY = frozenset(VERDICTS)

CLAIM = "assert add(2, 3) == 5"
MINUS = "def add(a, b):\n    return a - b\n"  # wrong
SECRET = "assert secret() == 617"  # nothing says which number it is, but the test

SEEN = '''
import sys

def seen():
    """The number that the test expects, out of the code of a caller; None where none shows."""
    frame = sys._getframe(1)
    while frame:
        for value in frame.f_code.co_consts:
            if type(value) is int and 600 < value < 700 and frame.f_code.co_name != "seen":
                return value
        frame = frame.f_back
    return None
'''
"""For programs that behave well as long as they see the test, and only then."""


@dataclass(frozen=True, slots=True)
class Attack:
    """A program and, for each test, the verdicts that it may get; the last holds for the rest.

    A `pass` that is `believed` must be labelled: not `split`, the candidate had a say in it.
    """

    reason: str
    code: str
    tests: tuple[str, ...] = (CLAIM,)
    verdicts: tuple[frozenset[str], ...] = (NO_PASS,)
    limits: Limits = SHORT
    entry_point: str | None = None
    believed: bool = False

    def allowed(self) -> tuple[frozenset[str], ...]:
        """The verdicts that each test may get."""
        missing = len(self.tests) - len(self.verdicts)
        return self.verdicts + self.verdicts[-1:] * missing


def attack(
    reason: str,
    code: str,
    *tests: str,
    verdict: frozenset[str] = NO_PASS,
    limits: Limits = SHORT,
    believed: bool = False,
) -> Attack:
    """An attack whose tests may all get the same verdicts."""
    return Attack(reason, code, tests or (CLAIM,), (verdict,), limits=limits, believed=believed)
