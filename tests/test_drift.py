"""Loops that only add to numbers: one that is said never to end does not, by its arithmetic."""

import ast
import random
from typing import Any

import pytest

from opencodeinstruct.tools.sandbox.inside.drift import Drift
from opencodeinstruct.tools.sandbox.inside.loops import Unclear, grown

SIGNS = ("!=", "==", "<", "<=", ">", ">=")
TURNS = 3000


def never_ends(loop: str, here: dict[str, Any]) -> bool:
    (node,) = ast.parse(loop).body
    assert isinstance(node, ast.While)
    return Drift(node, grown(node)).never_ends(here)


def ends(loop: str, here: dict[str, Any], turns: int = TURNS) -> bool:
    """Whether it ends, or fails, within so many turns."""
    indented = loop.replace("\n    ", "\n    tick()\n    ", 1)
    left = turns

    def tick() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise TimeoutError

    try:
        exec(indented, {"tick": tick, **here})
    except TimeoutError:
        return False
    except Exception:  # noqa: BLE001 - it ends
        return True
    return True


@pytest.mark.parametrize("fractions", [False, True])
def test_loops_by_chance_that_never_end_do_not(fractions: bool) -> None:
    draw = random.Random(fractions)
    found = of_all = 0
    for _ in range(4000):
        loop, here = invented(draw, fractions=fractions)
        stays = not ends(loop, here)
        known = never_ends(loop, here)
        assert stays or not known, (loop, here)
        of_all += stays
        found += known
    assert of_all > 1000
    assert found > (0.3 if fractions else 0.95) * of_all


def invented(draw: random.Random, *, fractions: bool) -> tuple[str, dict[str, Any]]:
    """A loop over `a` and `b`, with `c` that stays what it is, and where they begin."""

    def number() -> int | float:
        return (
            draw.choice((0.1, 0.5, 0.3, -0.7, 1e16))
            if fractions and draw.random() < 0.6
            else (draw.randrange(-9, 10))
        )

    side = draw.choice(("a", "a", "b", "a + b", "2 * a - b", "c * a", "-b", "a - 3"))
    test = f"{side} {draw.choice(SIGNS)} {draw.choice(('c', str(number()), 'b', 'c * c - 1'))}"
    if draw.random() < 0.2:
        test = f"{test} {draw.choice(('and', 'or'))} not b {draw.choice(SIGNS)} {number()}"
    lines = [f"    a {draw.choice(('+=', '-='))} {draw.choice((str(abs(number())), 'c'))}"]
    if draw.random() < 0.5:
        lines.append(
            f"    b = b {draw.choice('+-')} {draw.choice((str(abs(number())), '(c - 2)'))}"
        )
    if draw.random() < 0.3:
        lines.append("    total += a * 2")
    if draw.random() < 0.3:
        loop = "while True:\n    if " + test + ":\n        break\n" + "\n".join(lines)
    else:
        loop = f"while {test}:\n" + "\n".join(lines)
    return loop, {"a": number(), "b": number(), "c": number(), "total": 0}


@pytest.mark.parametrize(
    ("why", "loop", "here"),
    [
        ("it comes to it", "while i != n:\n    i += 2", {"i": 0, "n": 8}),
        ("of another kind", "while i != n:\n    i += 'x'", {"i": "", "n": "y"}),
        ("a truth value", "while i != n:\n    i += 2", {"i": True, "n": 8}),
        ("not there", "while i != n:\n    i += 2", {"i": 1}),
        ("infinite", "while i != n:\n    i -= i0", {"i": 1.0, "n": 8, "i0": float("inf")}),
        ("no number", "while i != n:\n    i += 1", {"i": float("nan"), "n": 8}),
        ("divided by nothing", "while i != n // z:\n    i += 1", {"i": 9, "n": 8, "z": 0}),
        ("too large to add", "while i > 0:\n    i += n", {"i": 1.0, "n": 10**400}),
        ("rounded up", "while x <= n:\n    x += 0.0", {"x": 1e16 + 4, "n": 10**16 + 3}),
        ("a whole number and a fraction", "while i >= n:\n    i += 0.1",
         {"i": 2**53 + 1, "n": 2**53 + 1}),
        ("two that are rounded to one", "while x != y:\n    x += 1.1\n    y += 1.1",
         {"x": 0.12145313454233264, "y": 0.12145313454233266}),
        ("one that is rounded more", "while x < y:\n    x += 0.7\n    y += 0.7",
         {"x": 1.2148024123512429, "y": 1.214802412351243}),
        ("another length", "while i < len(x):\n    i -= 1", {"i": 1, "x": "ab", "len": abs}),
        ("the length of an iterator", "while i < len(x):\n    i -= 1", {"i": 1, "x": iter("ab")}),
        ("modulo", "while i % 7 != 0:\n    i += 3", {"i": 1}),
        ("a sum that fails", "while i > 0:\n    i += 1\n    t += s", {"i": 1, "t": 0, "s": "x"}),
    ],
)  # fmt: skip
def test_what_may_end_is_not_said_to_go_on(why: str, loop: str, here: dict[str, Any]) -> None:
    assert not never_ends(loop, here), why


@pytest.mark.parametrize(
    "body",
    [
        "i *= 2",
        "i += i",
        "i = j",
        "i, j = j, i",
        "i += 1; print(i)",
        "i += 1; xs[0] += 1",
        "i += f(i)",
        "i += 1; t += 1 // i",
        "i += 1; t += 2 ** i",
        "if i:\n        i += 1",
        "i += 1; j += i; i -= j",
    ],
)
def test_what_is_no_addition_of_the_same_is_not_reckoned(body: str) -> None:
    with pytest.raises(Unclear):
        never_ends(f"while i != 3:\n    {body}", {"i": 4, "j": 5, "xs": [1], "t": 0})
