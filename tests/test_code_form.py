"""When two solutions are the same program under other names."""

import pytest

from opencodeinstruct.tools.text.code_form import code_form

SUM = '''def total(values):
    """Add."""
    found = 0
    for value in values:
        if value is None:
            continue
        found += value * value
    if found < 0:
        raise ValueError("negative")
    return found
'''


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (SUM.replace("value", "number").replace("total", "add_up"), True),  # names
        (SUM.replace("= 0", "= 7").replace("Add.", "Sum them."), True),  # literals, docstring
        (SUM.replace("    found = 0", "    # start\n    found = 0"), True),  # comments
        (SUM.replace('    """Add."""\n', ""), True),
        (SUM.replace("+=", "-="), False),
        (SUM.replace("= 0", "= ''"), False),  # a literal of another kind
        (SUM.replace("return found", "return len(values)"), False),
        (SUM.replace("return found", "return max(values)"), False),
    ],
)
def test_a_form_knows_no_names_and_no_literals(other: str, same: bool) -> None:
    assert (code_form(other) == code_form(SUM)) is same


def test_what_is_from_outside_stays() -> None:
    forms = {code_form(f"{SUM}\ndef f(x):\n    return {n}(x)") for n in ("sorted", "sum", "x.pop")}
    assert len(forms) == 3


@pytest.mark.parametrize(
    "code", ["def f(:", "\0", "(" * 5000, "x = " + "-" * 100_000 + "1", "x = 1"]
)
def test_what_does_not_parse_or_says_little_has_no_form(code: str) -> None:
    assert code_form(code) is None
