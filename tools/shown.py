"""Rows as a person reads them in a terminal: question, solution, tests, verdicts, judgement.

What a model wrote is shown as text and nothing else: it can neither style nor steer the terminal.
"""

import json
from collections import Counter

from rich.console import Group
from rich.markup import escape
from rich.panel import Panel
from rich.syntax import Syntax
from rich.text import Text

from opencodeinstruct.builder.schema import CRITERIA
from opencodeinstruct.tools.outcome import Deferred, Dropped, Outcome, Row

MARKS = {"pass": "[green]✓[/]", "fail": "[red]✗[/]"}
"""How a verdict is shown; the others by their name."""


def visible(text: str) -> str:
    """`text` with whatever is no printable character, tab or new line as `�`."""
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)


def shown_row(stage: str, outcome: Outcome) -> Panel | Text | None:
    """What a stage made of a row, for people; None where there is nothing to see."""
    if isinstance(outcome, Deferred):
        return Text.from_markup(f"  [yellow]{stage}: deferred[/] {escape(visible(outcome.reason))}")
    if isinstance(outcome, Dropped):
        # hundreds of functions are no seeds: only the table says so
        return None if stage == "seeds" else _dropped_line(stage, outcome)
    row = outcome.row
    match stage:
        case "instruct" | "evolve" if row.get("generation") or stage == "instruct":
            return _panel(row["input"], _title("question", row))
        case "respond":
            return _code_panel(row["solution"], _title("solution", row))
        case "testgen":
            return _code_panel("\n".join(json.loads(row["unit_tests"])), _title("tests", row))
        case "execute":
            return Text.from_markup(f"  {_title('verdicts', row)}: {verdict_marks(row)}")
        case "judge":
            return _panel(judgement_text(row), _title("judge", row))
    return None


def _dropped_line(stage: str, outcome: Dropped) -> Text:
    evidence = visible(" ".join(outcome.evidence.split())[:160])
    name = outcome.row.get("entry_point") or outcome.row.get("seed_origin") or ""
    return Text.from_markup(
        f"  [red]{stage}: dropped[/] {escape(visible(str(name)))} [bold]{outcome.reason}[/] "
        f"[dim]{escape(evidence)}[/]"
    )


def _title(what: str, row: Row) -> str:
    made = f" [dim]({row['operation']})[/]" if what == "question" and row.get("operation") else ""
    name = visible(str(row.get("entry_point") or row.get("id")))
    return f"{what} [bold]{escape(name)}[/]{made}"


def _panel(text: str, title: str) -> Panel:
    return Panel(Text(visible(text)), title=title, title_align="left")


def _code_panel(code: str, title: str) -> Panel:
    return Panel(
        Syntax(visible(code).strip("\n"), "python", theme="ansi_dark", word_wrap=True),
        title=title,
        title_align="left",
    )


def verdict_marks(row: Row) -> str:
    """The verdicts of a row's tests as marks, with the count, and what they are worth."""
    marks = " ".join(MARKS.get(verdict, f"[red]{verdict}[/]") for verdict in row["test_verdicts"])
    faults = Counter(fault for fault in row["test_faults"] if fault)
    notes = [f"{count} {fault}" for fault, count in sorted(faults.items())]
    notes += ["flaky"] * bool(row["flaky"])
    said = f" [yellow]({', '.join(notes)})[/]" if notes else ""
    return f"{marks}  {row['tests_passed']} of {row['tests_total']} pass{said}"


def judgement_text(row: Row) -> str:
    """The three scores with their justifications, a line each."""
    judgement = json.loads(row["llm_judgement"])
    return "\n".join(
        f"{judgement[name]['score']}  {name.replace('_', ' ')}: {judgement[name]['justification']}"
        for name in CRITERIA
    )


def whole_row(row: Row, number: int) -> Group:
    """A finished row, readable from question to judgement."""
    return Group(
        Text.from_markup(
            f"\n[bold]Row {number}[/]  {row['id']}  {row['domain']}, {row['operation']}, "
            f"from {escape(visible(str(row['seed_origin'])))}, {escape(str(row['license']))}"
        ),
        _panel(row["input"], "question"),
        _panel(row["output"], "solution"),
        _code_panel("\n".join(json.loads(row["unit_tests"])), "tests"),
        Text.from_markup(f"  verdicts: {verdict_marks(row)}"),
        _panel(judgement_text(row), f"judge: {row['judge_score']} of 5"),
    )
