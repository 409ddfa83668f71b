"""Code in a model's answer: found, cut to what solves the problem, read without being run."""

import ast
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencodeinstruct.tools.text.python_code import (
    assert_lines,
    calls,
    code_block_defining,
    code_blocks,
    defined_names,
    free_names,
    parse_python,
    parse_signature,
)

F = "def f(x):\n    return x + 1\n"
SHOWN = f"```python\n{F}```\n"

BLOCKS: list[tuple[str, str, list[str]]] = [
    ("one", "Here:\n```python\nx = 1\n```\nDone.", ["x = 1"]),
    ("several, in order", "```\na\n```\ntext\n```py\nb\n```", ["a", "b"]),
    ("tildes", "~~~python\nx\n~~~", ["x"]),
    ("a longer fence holds a shorter one", "````python\n```\nx\n```\n````", ["```\nx\n```"]),
    ("a longer fence closes a shorter one", "```python\nx\n`````\ny", ["x"]),
    ("tildes do not close backticks", "```python\nx\n~~~\ny\n```", ["x\n~~~\ny"]),
    ("never closed: cut", "```python\nx\ny", ["x\ny"]),
    ("nothing after the fence: cut", "text\n```python", [""]),
    ("an empty block", "```python\n```", [""]),
    ("in a list", "1. So:\n\n   ```python\n   x\n     y\n   ```", ["x\n  y"]),
    ("beside the list's marker", "- ```python\n  x\n  ```\n- z", ["x"]),
    ("indented, the code is not", "   ```python\nx:\n    y\n   ```", ["x:\n    y"]),
    ("the code alone is indented", "```python\n    x\n      y\n```", ["x\n  y"]),
    ("a text at the margin in indented code", '  ```\n  x = """\ny"""\n  ```', ['x = """\ny"""']),
    ("blank lines keep their blanks", '```\nx = """\n   \n"""\n```', ['x = """\n   \n"""']),
    ("Windows line ends", "```python\r\nx\r\ny\r\n```\r\n", ["x\ny"]),
    ("old Macintosh line ends", "```python\rx\r```\r", ["x"]),
    ("py", "```py\nx\n```", ["x"]),
    ("Python", "```Python\nx\n```", ["x"]),
    ("PYTHON3", "```PYTHON3\nx\n```", ["x"]),
    ("a version", "```python3.11\nx\n```", ["x"]),
    ("a blank before the tag", "``` python\nx\n```", ["x"]),
    ("blanks after the tag", "```python   \nx\n```   ", ["x"]),
    ("attributes", '```python title="a.py"\nx\n```', ["x"]),
    ("a file name", "```python:a.py\nx\n```", ["x"]),
    ("braces", "```{.python}\nx\n```", ["x"]),
    ("another language", "```javascript\nx\n```", []),
    ("a language that begins alike", "```pyrex\nx\n```", []),
    ("its end opens nothing", "```bash\npip\n```\ntext\n```python\nx\n```", ["x"]),
    ("text", "```text\nx\n```", []),
    ("backticks within a line", "Use ```x``` here, ``y`` and `z`.", []),
    ("a line of code in backticks", "```x = 1```", []),
    ("no fence", "x = 1", []),
    ("nothing", "", []),
]


@pytest.mark.parametrize(("why", "text", "bodies"), BLOCKS, ids=[why for why, *_ in BLOCKS])
def test_blocks_are_found_as_markdown_has_them(why: str, text: str, bodies: list[str]) -> None:
    assert [body.rstrip("\n") for body in code_blocks(text)] == bodies


DEFINING: list[tuple[str, str, str | None]] = [
    ("alone", SHOWN, F),
    ("with prose", f"Sure!\n\n{SHOWN}\nIt adds one.", F),
    ("a demo follows", f"{SHOWN}\nUse it:\n```python\nprint(f(1))\n```", F),
    ("a demo precedes", f"You want:\n```python\nprint(f(1))  # 2\n```\n{SHOWN}", F),
    ("a demo that imports it precedes", f"```python\nfrom me import f\nf(1)\n```\n{SHOWN}", F),
    ("installation precedes", f"```bash\npip install x\n```\n{SHOWN}", F),
    ("another language defines it", "```javascript\ndef f(x):\n    return 1\n```", None),
    ("the first of two that do", f"{SHOWN}\nOr:\n```python\ndef f(x):\n    return 2\n```", F),
    ("the first does not parse", f"```python\ndef f(x)\n    return\n```\nFixed:\n{SHOWN}", F),
    ("the first is a stub", f"```python\ndef f(x):\n    ...\n```\nSo:\n{SHOWN}", F),
    ("nothing but a stub", "```python\ndef f(x):\n    pass\n```", "def f(x):\n    pass\n"),
    ("cut after a whole function", f"```python\n{F}", F),
    ("cut within it", "```python\ndef f(x):\n    return (x +", None),
    ("tildes", f"~~~python\n{F}~~~", F),
    ("in a list", "1. So:\n" + textwrap.indent(SHOWN, "   "), F),
    ("Windows line ends", SHOWN.replace("\n", "\r\n"), F),
    ("old Macintosh line ends", SHOWN.replace("\n", "\r"), F),
    ("py", SHOWN.replace("python", "py"), F),
    ("Python", SHOWN.replace("python", "Python"), F),
    ("python3", SHOWN.replace("python", "python3"), F),
    ("no fence", F, F),
    ("no fence, Windows line ends", F.replace("\n", "\r\n"), F),
    ("no fence but prose", f"Here you are: {F}", None),
    ("a class", "```python\nclass f:\n    y = 1\n```", "class f:\n    y = 1\n"),
    ("a lambda", "```python\nf = lambda x: x\n```", "f = lambda x: x\n"),
    ("a typed lambda", "```\nf: object = lambda x: x\n```", "f: object = lambda x: x\n"),
    ("declared only", "```python\nf: object\n```", None),
    ("a coroutine", "```\nasync def f(x):\n    return x\n```", "async def f(x):\n    return x\n"),
    ("another name", "```python\ndef g(x):\n    return x\n```", None),
    ("a name that begins alike", "```python\ndef f2(x):\n    return x\n```", None),
    ("a method is none", "```python\nclass A:\n    def f(self, x):\n        return x\n```", None),
    ("a function in a function is none", "```\ndef g():\n    def f(x):\n        pass\n```", None),
    ("only called", "```python\nf(1)\n```", None),
    ("the fence closes at the end of a line", f"```python\n{F.rstrip()}```\nIt adds.", F),
    ("opened twice", f"```python\nimport os\n```python\n{F}```", F),
    ("never closed, then prose and a demo", f"```python\n{F}\n\nUse:\n```python\nf(1)\n```", None),
    ("nothing", "", None),
    ("blank", " \n\t\n", None),
    ("a refusal", "I'm sorry, but as a language model I can't do that.", None),
    ("nonsense", "``` ??? ```\n```python\n<<<>>>\n```", None),
    ("a NUL", "```python\ndef f(x):\n    return '\0'\n```", None),
    ("half of a surrogate pair", "```python\ndef f(x):\n    return '\ud800'\n```", None),
    ("deep nesting", "```python\ndef f(x):\n    return " + "(" * 5000 + "```", None),
    ("a very long line", f"```python\n{F}y = '{'x' * 50_000}'\n```", None),
]


@pytest.mark.parametrize(("why", "text", "code"), DEFINING, ids=[why for why, *_ in DEFINING])
def test_the_block_that_defines_the_function_is_found(
    why: str, text: str, code: str | None
) -> None:
    found = code_block_defining(text, "f")
    assert (found and found.rstrip("\n")) == (code and code.rstrip("\n"))


def test_a_fence_in_a_docstring_does_not_end_the_block() -> None:
    code = 'def f(x):\n    """Add.\n\n    ```python\n    f(1)\n    ```\n    """\n    return x + 1\n'
    assert code_block_defining(f"So:\n```python\n{code}```\nIt adds.\n", "f") == code
    at_margin = 'def f(x):\n    """Add one.\n\n```\nf(1)\n```\n    """\n    return x + 1\n'
    assert code_block_defining(f"So:\n```python\n{at_margin}```\nIt adds.\n", "f") == at_margin


def test_forty_thousand_tokens_of_prose_around_it_are_no_obstacle() -> None:
    assert code_block_defining(f"{'Let me think. ' * 12_000}\n{SHOWN}{'So. ' * 50_000}", "f") == F


KEPT: list[tuple[str, str]] = [
    ("imports", "import math\nfrom functools import cache\n"),
    ("constants", "LIMIT = 10\nNAMES = {'a': 1}\n"),
    ("helpers", "def helper(x):\n    return x\n"),
    ("classes", "class Node:\n    value = None\n"),
    ("decorators", "import functools\n\n@functools.cache\ndef g(x):\n    return x\n"),
    ("a docstring", '"""Adds one.\n\nExample: print(f(1))\n"""\n'),
    ("comments", "# print(f(1))\n"),
    ("the word password", "def check(password):\n    bypass = password\n    return bypass\n"),
    ("pass", "def nothing():\n    pass\n"),
    ("settings", "import sys\nsys.setrecursionlimit(10_000)\n"),
    ("what fills a table", "TABLE = []\nfor i in range(9):\n    TABLE.append(i * i)\n"),
    ("what fills it by call", "TABLE = []\ndef fill():\n    TABLE.append(1)\nfill()\n"),
    ("what fills it and says so", "T = []\ndef fill():\n    print('.')\n    T.append(1)\nfill()\n"),
    ("an import that may fail", "try:\n    import numpy\nexcept ImportError:\n    print('no')\n"),
    ("prints within functions", "def shout(x):\n    print(x)\n"),
    ("asserts within functions", "def g(x):\n    assert x\n    return x\n"),
    ("a call whose value is used", "import re\nWORD = re.compile('x')\n"),
    ("branches", "import sys\nif sys.version_info > (3, 12):\n    X = 1\nelse:\n    X = 2\n"),
    ("on a line with code", "import math; print(math.pi)\n"),
    ("a main that is only defined", "def main():\n    print(f(1))\n"),
    ("blanks in a text", 'TEXT = """a\n   \n\n\nb"""\n'),
]


@pytest.mark.parametrize(("why", "code"), KEPT, ids=[why for why, _ in KEPT])
def test_code_beside_the_function_stays_as_it_is(why: str, code: str) -> None:
    for block in (f"{code}\n{F}", f"{F}\n{code}"):
        assert code_block_defining(f"```python\n{block}```", "f") == block.rstrip("\n") + "\n"


CUT: list[tuple[str, str]] = [
    ("prints", "print(f(1))\n"),
    ("prints of anything", "print('done')\n"),
    ("calls", "f(1)\n"),
    ("comparisons", "f(1) == 2\n"),
    ("asserts", "assert f(1) == 2\n"),
    ("asserts over lines", "assert f(\n    1\n) == 2, (\n    'no'\n)\n"),
    ("a main part", "if __name__ == '__main__':\n    x = 1\n    print(f(x))\n"),
    ("a main part, turned round", "if '__main__' == __name__:\n    f(1)\n"),
    ("loops", "for x in [1, 2]:\n    print(x, f(x))\n"),
    ("loops of asserts", "for x in range(3):\n    assert f(x) == x + 1\n"),
    ("a result that is printed", "result = f(1)\nprint(result)\n"),
    ("a result that is not", "result = f(1)\n"),
    ("reading input", "n = int(input())\nprint(f(n))\n"),
    ("a try", "try:\n    f(None)\nexcept TypeError as error:\n    print(error)\n"),
    ("a comprehension", "[print(f(x)) for x in range(3)]\n"),
    ("a program's exit", "import sys\nsys.exit(f(1))\n"),
    ("unittest", "import unittest\nunittest.main()\n"),
    ("doctest", "import doctest\ndoctest.testmod()\n"),
]


@pytest.mark.parametrize(("why", "demo"), CUT, ids=[why for why, _ in CUT])
def test_demonstrations_are_cut(why: str, demo: str) -> None:
    code = code_block_defining(f"```python\nA = 1\n\n{F}\n# Example\n{demo}```", "f")
    assert code is not None
    kept = "".join(line for line in demo.splitlines(keepends=True) if line.startswith("import"))
    assert code.rstrip("\n") == f"A = 1\n\n{F}\n# Example\n{kept}".rstrip("\n")


@pytest.mark.parametrize(
    ("why", "function"),
    [
        ("a main that shows it", "def main():\n    print(f(1))\n"),
        ("tests", "def test_f():\n    assert f(1) == 2\n"),
        ("one that calls another", "def g():\n    h()\n\ndef h():\n    f(1)\n"),
        ("one that reads input", "def g():\n    return input()\n"),
    ],
)
def test_a_call_of_a_function_that_only_shows_is_cut(why: str, function: str) -> None:
    name = function[4 : function.index("(")]
    code = code_block_defining(f"```python\n{F}\n{function}\n{name}()\n```", "f")
    assert code == f"{F}\n{function}", why


def test_what_later_code_needs_stays_even_if_it_calls_the_function() -> None:
    code = f"{F}\nSTART = f(1)\n\ndef g():\n    return START\n"
    assert code_block_defining(f"```python\n{code}print(g())\n```", "f") == code
    chain = f"{F}\nfirst = f(1)\nsecond = str(first)\n"  # the second line would fail alone
    assert code_block_defining(f"```python\n{chain}```", "f") == chain


def test_what_is_left_of_a_block_still_parses_and_defines_the_function() -> None:
    block = f"{F}\nif __name__ == '__main__':\n    print(1)\nelse:\n    print(2)\n"
    code = code_block_defining(f"```python\n{block}```", "f")
    assert code == F


HUGE = [
    ("backticks", "`" * 200_000),
    ("backticks and a line end", "`" * 200_000 + "\n"),
    ("backticks of growing number", "\n".join("`" * number for number in range(3, 600))),
    ("fences", "```\n" * 20_000),
    ("opening fences", "```python\n" * 20_000),
    ("fences with the name", "```python\ndef f\n" * 12_000),
    ("whole blocks", "```python\ndef g(x): return x\n```\n" * 2000),
    ("blocks that show f", "```python\nprint(f(1))\n```\n" * 2000),
    ("tildes", "~" * 200_000),
    ("mixed marks", "```~~~" * 30_000),
    ("blanks", " " * 200_000),
    ("tabs", "\t" * 200_000),
    ("line ends", "\n" * 200_000),
    ("indented line ends", " \n" * 100_000),
    ("a fence and blanks", "```python\n" + " " * 200_000),
    ("list markers", "- " * 100_000),
    ("numbers", "1" * 200_000),
    ("asserts", "assert f(1) == 1\n" * 4000),
    ("bare asserts", "assert \n" * 25_000),
    ("asserts on one line", "assert " * 28_000),
    ("open asserts", "assert f((((\n" * 15_000),
    ("open asserts amid prose", "???\n" + "assert f([\n1,\n" * 13_000),
    ("brackets", "(" * 200_000),
    ("brackets over lines", "(\n" * 100_000),
    ("minus signs over lines", "x = " + "-\\\n" * 60_000 + "1"),
    ("a sum over lines", "x = (" + "1 +\n" * 50_000 + "1)"),
    ("a sum that the tree is too deep for", "f = (" + "1 +\n" * 900 + "1)"),
    ("attributes over lines", "(f" + "\n.f" * 60_000 + ")"),
    ("quotes", "'" * 200_000),
    ("triple quotes", '"""\n' * 50_000),
    ("definitions", "def f(x): return x\n" * 3000),
    ("statements on one line", "f(1);" * 1000),
    (
        "a chain of functions that show",
        "".join(f"def g{number}(): g{number + 1}()\n" for number in range(3000))
        + "def g3000(): f(1)\ndef f(x): return x\ng0()\n",
    ),
    ("NULs", "\0" * 200_000),
    ("half pairs", "\ud800\n" * 100_000),
    ("indentation", "".join(" " * depth + "if f(1):\n" for depth in range(600))),
]


@pytest.mark.parametrize(("what", "text"), HUGE, ids=[what for what, _ in HUGE])
@pytest.mark.parametrize("fenced", [True, False], ids=["fenced", "bare"])
def test_no_answer_is_an_error_or_makes_it_hang(fenced: bool, what: str, text: str) -> None:
    text = f"```python\n{text}\n```" if fenced else text
    code = code_block_defining(text, "f")
    assert code is None or "f" in code
    assert all(line.startswith("assert ") for line in assert_lines(text))
    assert isinstance(code_blocks(text), list)


marks = st.sampled_from(["```", "```python\n", "~~~\n", "\n", "    ", " ", "\t", "\r", "- ", "\f"])
signs = st.sampled_from(["=", "(", ")", "'", '"""', "\\", "\0", "\ud800", "#", "[", ";", "@", ":="])
words = st.sampled_from(["def f(x):", "return x", "f", "x", "lambda x: x", "class f:", "try:"])
lines = st.sampled_from(["assert f(1) == 1", "assert ", "print(f(1))", "if __name__ == 'x':", "0x"])
pieces = marks | signs | words | lines
answers = st.text() | st.lists(pieces, max_size=40).map("".join)


@given(text=answers)
def test_any_answer_gives_code_that_defines_the_function_or_none(text: str) -> None:
    code = code_block_defining(text, "f")
    if code is not None:
        tree = parse_python(code)
        assert tree is not None
        assert "f" in defined_names(tree)


@given(text=answers)
def test_any_answer_gives_single_lines_that_assert(text: str) -> None:
    for line in assert_lines(text):
        tree = parse_python(line)
        assert tree is not None
        assert [type(node) for node in tree.body] == [ast.Assert]
        assert "\n" not in line
        line.encode("utf-8")


@given(text=answers)
def test_any_text_is_a_signature_that_parses_again_or_none(text: str) -> None:
    signature = parse_signature(text)
    if signature is not None:
        assert parse_signature(signature.text) == signature
        assert "\n" not in signature.text


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
