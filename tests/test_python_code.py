"""Code that a model wrote, read without being run: signatures, asserts, names."""

import pytest

from opencodeinstruct.tools.text.python_code import (
    assert_lines,
    calls,
    free_names,
    parse_python,
    parse_signature,
)

F = "def f(x):\n    return x + 1\n"

SIGNATURES: list[tuple[str, str, str | None]] = [
    ("as it should be", "def g(x: int) -> int", "def g(x: int) -> int"),
    ("with a colon", "def g(x):", "def g(x)"),
    ("with a body of dots", "def g(x: int) -> int: ...", "def g(x: int) -> int"),
    ("with a body", "def g(x):\n    return x", "def g(x)"),
    ("with a docstring", 'def g(x):\n    """Do."""\n    pass', "def g(x)"),
    ("with a docstring alone", 'def g(x):\n    """Do."""', "def g(x)"),
    ("without def", "g(x, y)", "def g(x, y)"),
    ("in backticks", "`def g(x)`", "def g(x)"),
    ("in a fence", "```python\ndef g(x):\n```", "def g(x)"),
    (
        "over lines",
        "def g(\n    x: int,\n    y: int = 2,\n) -> int:",
        "def g(x: int, y: int=2) -> int",
    ),
    ("with a full stop", "def g(x) -> int.", "def g(x) -> int"),
    ("with a comma", "def g(x),", "def g(x)"),
    ("decorated", "@cache\ndef g(x):", "def g(x)"),
    ("odd spaces", "  def   g( x )  ->  int ", "def g(x) -> int"),
    ("keyword only", "def g(*, x)", "def g(*, x)"),
    ("many", "def g(*args, **more)", "def g(*args, **more)"),
    ("dots in a type", "def g(x: tuple[int, ...])", "def g(x: tuple[int, ...])"),
    ("a name that begins with python", "pythonic(x)", "def pythonic(x)"),
    ("no argument", "def g()", None),
    ("a builtin's name", "def sum(values)", None),
    ("a soft keyword", "def match(x)", None),
    ("a keyword", "def class(x)", None),
    ("a coroutine", "async def g(x)", None),
    ("two functions", "def g(x): ...\ndef h(y): ...", None),
    ("a lambda", "g = lambda x: x", None),
    ("a class", "class G:", None),
    ("prose", "A function that takes x", None),
    ("a broken head", "def g(x", None),
    ("a number too long to write", "def g(x=0x" + "f" * 6000 + ")", None),
    ("nothing", "", None),
    ("blank", " \n ", None),
    ("a NUL", "def g(x\0)", None),
]


@pytest.mark.parametrize(
    ("why", "text", "one_line"), SIGNATURES, ids=[why for why, *_ in SIGNATURES]
)
def test_signatures_are_read_onto_one_line(why: str, text: str, one_line: str | None) -> None:
    signature = parse_signature(text)
    assert (signature and signature.text) == one_line


def test_a_signature_knows_its_name_and_all_its_arguments() -> None:
    signature = parse_signature("def g(a, /, b, *rest, c=1, **more) -> None")
    assert signature is not None
    assert signature.name == "g"
    assert set(signature.arguments) == {"a", "b", "rest", "c", "more"}


ASSERTS: list[tuple[str, str, list[str]]] = [
    ("one a line", "assert f(1) == 2\nassert f(2) == 3", ["assert f(1) == 2", "assert f(2) == 3"]),
    ("fenced", "```python\nassert f(1) == 2\n```", ["assert f(1) == 2"]),
    ("over lines", "assert f(\n    [1,\n     2]\n) == 3", ["assert f([1, 2]) == 3"]),
    ("a text over lines", 'assert f("""a\nb""") == 3', ["assert f('a\\nb') == 3"]),
    ("a message is kept", "assert f(1) == 2, 'no'", ["assert f(1) == 2, 'no'"]),
    ("comments go", "assert f(1) == 2  # so", ["assert f(1) == 2"]),
    ("other statements go", "import f\nx = 1\nassert f(1)\nprint(1)", ["assert f(1)"]),
    ("in a function", "def test_f():\n    assert f(1) == 2", ["assert f(1) == 2"]),
    ("in a method", "class T:\n    def test(self):\n        assert f(1)", ["assert f(1)"]),
    ("in a main part", "if __name__ == '__main__':\n    assert f(1)", ["assert f(1)"]),
    ("in order", "def t():\n    assert f(1)\nassert f(2)", ["assert f(1)", "assert f(2)"]),
    ("a function's variable", "def t():\n    x = 1\n    assert f(x) == 2\n    assert f(1) == 2",
     ["assert f(1) == 2"]),
    ("a function's argument", "def t(x):\n    assert f(x)", []),
    ("a variable named as a builtin", "def t():\n    input = 1\n    assert f(input) == 2", []),
    ("a block's variable", "xs = [1]\nassert f(xs) == 2\nassert f([1])", ["assert f([1])"]),
    ("a loop", "for x in [1, 2]:\n    assert f(x) == x + 1", []),
    ("a loop that does not use its variable", "for x in [1]:\n    assert f(1) == 2", []),
    ("a condition", "if f(0):\n    assert f(1) == 2", []),
    ("an expected error", "with pytest.raises(ValueError):\n    assert f(-1) == 2", []),
    ("a caught error", "try:\n    assert f(-1) == 0\nexcept ValueError:\n    assert f(1)", []),
    ("its own variable", "assert all(x > 0 for x in f(1))", ["assert all((x > 0 for x in f(1)))"]),
    ("its own, used elsewhere too", "y = [x for x in 'ab']\nassert [x for x in f(1)] == [1]",
     ["assert [x for x in f(1)] == [1]"]),
    ("with the solution beside it", f"{F}assert f(1) == 2", ["assert f(1) == 2"]),
    ("a cut block", "```python\nassert f(1) == 2\nassert f(2) ==", ["assert f(1) == 2"]),
    ("a cut block with lines", "```\nassert f(\n  [1]\n) == 2\nassert f(2", ["assert f([1]) == 2"]),
    ("a list in prose", "1. assert f(1) == 2\n- `assert f(2) == 3`\n* assert f(3)",
     ["assert f(1) == 2", "assert f(2) == 3", "assert f(3)"]),
    ("several blocks", "```python\nassert f(1)\n```\nand\n```python\nassert f(2)\n```",
     ["assert f(1)", "assert f(2)"]),
    ("another language", "```js\nassert f(1)\n```", []),
    ("Windows line ends", "```\r\nassert f(1)\r\nassert f()\r\n```", ["assert f(1)", "assert f()"]),
    ("a number too long to write", f"assert f(0x{'f' * 5000})\nassert f(1)", ["assert f(1)"]),
    ("too deep to write", "assert f(" + "-" * 3000 + "1)\n", []),
    ("prose about asserts", "I assert that f is right.\nassert it!", []),
    ("nothing", "", []),
]  # fmt: skip


@pytest.mark.parametrize(("why", "text", "lines"), ASSERTS, ids=[why for why, *_ in ASSERTS])
def test_asserts_that_stand_alone_are_found(why: str, text: str, lines: list[str]) -> None:
    assert assert_lines(text) == lines


@pytest.mark.parametrize(
    ("why", "code", "names"),
    [
        ("a call", "f(x, len(y))", {"f", "x", "len", "y"}),
        ("its own loop variable", "[x for x in f(y)]", {"f", "y"}),
        ("the source is outside the loop", "[x for x in x]", {"x"}),
        ("a lambda's argument", "f(lambda a: a + b)", {"f", "b"}),
        ("given a name on the way", "(r := f(1)) == r", {"f"}),
        ("attributes and keywords", "math.inf == f(key=1)", {"math", "f"}),
        ("in a text", "f'{x!r:>{width}}'", {"x", "width"}),
        ("constants", "None is True", set()),
        ("does not parse", "f(", None),
        ("does not compile", "await f(1)", None),
        ("nor this", "(yield f(1))", None),
    ],
)
def test_free_names_are_those_taken_from_outside(
    why: str, code: str, names: set[str] | None
) -> None:
    assert free_names(code) == names, why


@pytest.mark.parametrize(
    ("code", "holds"),
    [
        ("f(1)", True),
        ("sorted(f(1))", True),
        ("g(f)", False),
        ("x.f(1)", False),
        ("f", False),
        ("'f(1)'", False),
    ],
)
def test_calls_are_those_of_the_plain_name(code: str, holds: bool) -> None:
    tree = parse_python(code)
    assert tree is not None
    assert calls(tree, "f") is holds
