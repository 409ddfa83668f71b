"""Which functions and records become seeds, and how a recipe names its sources."""

import pytest
from pydantic import TypeAdapter, ValidationError

from opencodeinstruct.builder.schema import table_of, working_schema
from opencodeinstruct.tools.outcome import Dropped, Kept
from opencodeinstruct.tools.ports import content_id
from opencodeinstruct.tools.stages.seeds import REASONS, Source, code_seeds, rejected

GOOD = 'def area(width, height):\n    """Return the area."""\n    return width * height'


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (GOOD, None),
        (f"@cache\n{GOOD}", None),
        (GOOD.replace("area(", "_area("), None),  # private functions are good enough
        (GOOD.replace("width, height", "*sides"), None),
        (GOOD.replace("width, height", "*, width=1"), None),
        (GOOD.replace('"""Return the area."""', "pass"), "no_docstring"),
        (GOOD.replace("Return the area.", "  "), "no_docstring"),
        (GOOD.replace("width, height", ""), "no_arguments"),
        (GOOD.replace("return width * height", "print(width)"), "no_return_value"),
        (GOOD.replace("return width * height", "return"), "no_return_value"),
        (GOOD.replace("return width * height", "return None"), "no_return_value"),
        (GOOD.replace("return", "yield"), "no_return_value"),
        (f"{GOOD}\n    yield 1", "no_return_value"),  # a generator's return is not its value
        (  # the inner function returns, the outer one does not
            'def f(x):\n    """Doc."""\n    def g():\n        return x\n    g()',
            "no_return_value",
        ),
        ('def f(x):\n    """Doc."""\n    key = lambda: (yield)\n    return key', None),
        ('def f(x):\n    """Doc."""\n' + "    x += 1\n" * 147 + "    return x", None),  # 150 lines
        ('def f(x):\n    """Doc."""\n' + "    x += 1\n" * 148 + "    return x", "too_long"),
        (f"{GOOD}  # TODO: depth", "todo"),
        (f"{GOOD}  # fixme", "todo"),
        (GOOD.replace("area.", "todo list of MASTODONS."), None),  # a word of the domain
        (GOOD.replace("area(", "__getattr__("), "special_name"),
        (f"async {GOOD}", "async_function"),
        (f"import os\n{GOOD}", None),  # imported, not used
        (f"import os\n{GOOD} + os.getpid()", "side_effects"),
        (f"import os.path as p\n{GOOD} + p.x", "side_effects"),
        (f"from sys import argv as a\n{GOOD} + a", "side_effects"),
        (f"import matplotlib.pyplot as plt\n{GOOD} + plt.x", "side_effects"),
        (
            GOOD.replace("return", "import subprocess\n    subprocess.run()\n    return"),
            "side_effects",
        ),
        (f"import sys\n{GOOD.replace('width', 'sys')}", None),  # an argument of that name
        (f"from .os import x\n{GOOD} + x", None),  # another module called os
        (f"import osmium\n{GOOD} + osmium.x", None),
    ],
)
def test_a_function_is_a_seed_or_rejected_for_a_reason(source: str, reason: str | None) -> None:
    (outcome,) = code_seeds(source, "file.py", None)
    assert (outcome.reason if isinstance(outcome, Dropped) else None) == reason
    assert reason is None or reason in REASONS


def test_the_row_is_the_functions_own_text_with_its_origin() -> None:
    (outcome,) = code_seeds(f"# header\nx = 1\n\n{GOOD}\n\ny = 2\n", "pkg:a.py", "MIT")
    assert isinstance(outcome, Kept)
    assert outcome.row == {
        "id": content_id(GOOD),
        "seed_text": GOOD,
        "domain": "generic",
        "seed_origin": "pkg:a.py:4",
        "license": "MIT",
        "seed_ids": [content_id(GOOD)],
        "parent_ids": [],
        "generation": 0,
        "colony": 0,
    }


def test_only_functions_at_the_left_margin_count() -> None:
    source = f"class A:\n    def f(self, x):\n        return x\n\n{GOOD}\n"
    assert len(list(code_seeds(source, "a.py", None))) == 1


def test_a_file_that_does_not_parse_is_one_rejection_with_its_line() -> None:
    (outcome,) = code_seeds(f"{GOOD}\nprint 'x'\n", "old.py", None)
    assert isinstance(outcome, Dropped)
    assert outcome.reason == "does_not_parse"
    assert outcome.evidence.startswith("old.py: line 4")


def test_every_outcome_fits_the_columns_between_stages() -> None:
    source = f"{GOOD}\n\ndef g():\n    pass\n"
    outcomes = [*code_seeds(source, "a.py", None), *code_seeds("(", "b.py", None)]
    outcomes.append(rejected("x:1", "broken_line", "cut", '{"input": "\ud800\0'))
    table = table_of([outcome.row for outcome in outcomes], working_schema())
    assert table.num_rows == 4
    assert len(set(table.column("id").to_pylist())) == 4


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"kind": "code"}, "path"),
        ({"kind": "code", "path": "x", "limit": 0}, "limit"),
        ({"kind": "code", "path": "x", "license": "MIT License"}, "SPDX"),
        ({"kind": "code", "path": "x", "licence": "MIT"}, "licence"),
        ({"kind": "cod", "path": "x"}, "cod"),
        ({"kind": "hub-code"}, "repo"),
        ({"kind": "problems", "path": "x", "fields": {"question": "q"}}, "question"),
    ],
)
def test_a_source_that_cannot_be_is_refused_by_name(given: dict[str, object], word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        TypeAdapter(Source).validate_python(given)
