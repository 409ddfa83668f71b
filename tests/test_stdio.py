"""Programs that read standard input: asked for, solved, tested and run behind the walls."""

import asyncio
import json
from typing import Any

import pytest

from opencodeinstruct.builder.schema import table_of, working_schema
from opencodeinstruct.tools.outcome import Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.ports import Program, Request
from opencodeinstruct.tools.prompt import load_prompts
from opencodeinstruct.tools.sandbox import Sandbox
from opencodeinstruct.tools.stages.clean import CleanSettings, fault
from opencodeinstruct.tools.stages.clean_rules import Question
from opencodeinstruct.tools.stages.execute import ExecuteSettings, execute
from opencodeinstruct.tools.stages.respond import RespondSettings, respond
from opencodeinstruct.tools.stages.testgen import TestgenSettings, testgen
from opencodeinstruct.tools.text.stdio import RUN, as_function, as_printed, program_in
from tests.asks import saying

PROMPTS = load_prompts()
SUM = "n = int(input())\nprint(sum(map(int, input().split())))\n"
ROW: Row = {
    "id": "0" * 32,
    "input": "Add n integers.\n\nProgram: reads standard input, writes standard output.",
    "contract": "stdio",
    "entry_point": None,
    "domain": "algorithmic",
}


def run_program(code: str, text: str) -> str:
    namespace: dict[str, Any] = {}
    exec(as_function(code), namespace)
    printed = namespace[RUN](text)
    assert isinstance(printed, str)
    return printed


@pytest.mark.parametrize(
    ("why", "code", "given", "printed"),
    [
        ("input and print", SUM, "3\n1 2 3\n", "6"),
        ("lines and blanks at ends", "print('a  ')\nprint('b')\nprint()", "", "a\nb"),
        ("a blank line within", "print('a')\nprint()\nprint('b')", "", "a\n\nb"),
        ("all of stdin", "import sys\nprint(len(sys.stdin.read()))", "abc\n", "4"),
        ("bytes", "import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read())", "é\n", "é"),
        ("a main part", "def main():\n    print(input())\nif __name__ == '__main__':\n    main()",
         "x\n", "x"),
        ("an early end", "import sys\nprint(1)\nsys.exit()\nprint(2)", "", "1"),
        ("an end with 0", "print(1)\nraise SystemExit(0)", "", "1"),
        ("recursion over a global", "def f(n):\n    return n and n + f(n - 1)\nprint(f(4))",
         "", "10"),
        ("braces and quotes", "print('{}'.format(\"'\") + '''\"''')", "", "'\""),
        ("names of its own each time", "try:\n    n\nexcept NameError:\n    n = 1\n    print(2)",
         "", "2"),
    ],
)  # fmt: skip
def test_a_program_is_a_function_of_its_input(
    why: str, code: str, given: str, printed: str
) -> None:
    assert [run_program(code, given) for _ in range(2)] == [printed, printed], why


@pytest.mark.parametrize("code", ["raise SystemExit(2)", "input()", "1 / 0"])
def test_a_program_that_fails_raises(code: str) -> None:
    with pytest.raises((RuntimeError, EOFError, ZeroDivisionError)):
        run_program(code, "")


@pytest.mark.parametrize(
    ("why", "answer", "found"),
    [
        ("a program", f"```python\n{SUM}```\nIt adds.", True),
        ("bare code", SUM, True),
        ("the second block", f"```python\nprint(1)\n```\n```python\n{SUM}```", True),
        ("a function alone does nothing", "```python\ndef f():\n    print(input())\n```", False),
        ("it is called", "```python\ndef f():\n    print(input())\nf()\n```", True),
        ("in a main part", "```python\nimport sys\ndef f():\n    print(sys.stdin.read())\n"
         "if __name__ == '__main__':\n    f()\n```", True),
        ("reads nothing", "```python\nprint(3)\n```", False),
        ("prints nothing", "```python\nx = input()\n```", False),
        ("no Python", "```python\nread n; print n\n```", False),
        ("prose", "I would add them.", False),
    ],
)  # fmt: skip
def test_a_program_is_found_in_an_answer(why: str, answer: str, found: bool) -> None:
    assert (program_in(answer) is not None) == found, why


def solved(*said: str) -> Outcome:
    return asyncio.run(respond(ROW, saying(*said), PROMPTS, RespondSettings(), seed=0))


def written(pairs: object) -> Outcome:
    said = json.dumps({"tests": pairs})
    return asyncio.run(testgen(ROW, saying(said), PROMPTS, TestgenSettings(at_least=1), seed=0))


def pair(given: object, printed: object) -> dict[str, object]:
    return {"input": given, "output": printed}


def test_a_program_is_asked_for_in_its_own_words() -> None:
    asked: list[Request] = []
    asyncio.run(respond(ROW, saying(SUM, asked=asked), PROMPTS, RespondSettings(), seed=0))
    assert "standard input" in asked[0].messages[0].content
    assert isinstance(solved(f"```python\n{SUM}```"), Kept)
    dropped = solved("```python\ndef add(values):\n    return sum(values)\n```")
    assert isinstance(dropped, Dropped)
    assert dropped.reason == "no_code"


@pytest.mark.parametrize(
    ("why", "pairs", "tests"),
    [
        ("as asked", [pair("1\n2\n", "2")], ["assert run_program('1\\n2\\n') == '2'"]),
        ("the last line is ended", [pair("1\n2", "2\n")],
         ["assert run_program('1\\n2\\n') == '2'"]),
        ("blanks at ends", [pair("", "a \nb\n\n")], ["assert run_program('') == 'a\\nb'"]),
        ("twice the same", [pair("1", "2")] * 2, ["assert run_program('1\\n') == '2'"]),
        ("two that contradict", [pair("1", "2"), pair("1", "3"), pair("2", "4")],
         ["assert run_program('2\\n') == '4'"]),
        ("no output, no test", [pair("1", " "), pair("2", "4")],
         ["assert run_program('2\\n') == '4'"]),
        ("no text", [pair(1, "2"), pair("2", 4), "3", pair("2", "4")],
         ["assert run_program('2\\n') == '4'"]),
    ],
)  # fmt: skip
def test_pairs_of_input_and_output_become_asserts(
    why: str, pairs: object, tests: list[str]
) -> None:
    outcome = written(pairs)
    assert isinstance(outcome, Kept), why
    assert json.loads(outcome.row["unit_tests"]) == tests


@pytest.mark.parametrize("pairs", [[], None, "x", [pair("1", "")]])
def test_a_program_without_tests_is_dropped_with_its_reason(pairs: object) -> None:
    outcome = written(pairs)
    assert isinstance(outcome, Dropped)
    assert outcome.reason == "too_few_tests"


def test_reading_standard_input_is_no_fault_of_a_program_s_question() -> None:
    text = "Read n from standard input and print its square, as the first line contains n."
    settings = CleanSettings()
    found = fault(Question(text), settings)
    assert found is not None
    assert found[0] == "stdin_framed"
    assert fault(Question(text, contract="stdio"), settings) is None


async def judged(row: Row, code: str, tests: list[str]) -> Row:
    async with Sandbox(workers=1) as run:
        outcome = await execute(
            {**row, "solution": code, "unit_tests": json.dumps(tests)},
            run,
            ExecuteSettings(cpu_seconds=2),
        )
    return outcome.row


TESTS = ["assert run_program('2\\n1 2\\n') == '3'", "assert run_program('1\\n5\\n') == '5'"]
CHEAT = (  # looks for the expected value wherever it can, and never ends otherwise
    "import sys\nframe = sys._getframe()\nwhile frame is not None:\n"
    "    for value in list(frame.f_locals.values()):\n"
    "        if value == '3':\n            print(value)\n"
    "    frame = frame.f_back\n"
    "input()\n"
)


@pytest.mark.parametrize(
    ("why", "code", "verdicts", "trust"),
    [
        ("right", SUM, ["pass", "pass"], "split"),
        ("wrong", "input()\nprint(max(map(int, input().split())))", ["fail", "pass"], "split"),
        ("raises", "int('x')", ["error", "error"], "shared"),
        ("reads too much", SUM + "input()", ["error", "error"], "shared"),
        ("never ends", "input()\nwhile True: pass", ["timeout", "timeout"], "shared"),
        ("prints what it finds", CHEAT, ["fail", "fail"], "shared"),
        ("says that all is well", "import builtins\nbuiltins.str.__eq__ = lambda a, b: True",
         ["error", "error"], "shared"),
    ],
)  # fmt: skip
def test_programs_are_judged_in_two_processes_like_functions(
    why: str, code: str, verdicts: list[str], trust: str
) -> None:
    row = asyncio.run(judged(ROW, code, TESTS))
    assert row["test_verdicts"] == verdicts, why
    assert row["test_trust"] == trust
    assert row["test_faults"] == [None, None]
    table_of([row], working_schema())


def test_what_is_printed_is_compared_without_blanks_at_ends() -> None:
    assert as_printed("a \r\n b\n\n") == "a\n b"


def test_a_program_takes_no_entry_point_of_a_question() -> None:
    assert Program(as_function(SUM), tuple(TESTS), RUN).entry_point == "run_program"
