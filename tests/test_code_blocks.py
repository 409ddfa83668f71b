"""The block that solves the problem: found in any answer, and cut to what solves it."""

import textwrap

import pytest

from opencodeinstruct.tools.text.python_code import (
    code_block_defining,
    code_blocks,
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
    rest = f"# Example\n{kept}" if kept else ""  # a comment that announced what was cut goes, too
    assert code.rstrip("\n") == f"A = 1\n\n{F}\n{rest}".rstrip("\n")


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
