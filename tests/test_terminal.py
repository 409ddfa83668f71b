"""What a run looks like: plain lines in a pipe, and nothing a model wrote steers the terminal."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from opencodeinstruct.tools.llm.meter import Meter
from opencodeinstruct.tools.outcome import Deferred, Dropped, Kept, Row
from opencodeinstruct.tools.ports import Answer, Request, Sampling
from opencodeinstruct.tools.run_folder import StageCounts
from opencodeinstruct.tools.shown import shown_row, visible, whole_row
from opencodeinstruct.tools.terminal import Terminal, counts_table, reasons, said_of, stage_line
from tests.rows import finished_row

COUNTS = StageCounts("clean", 12, 0, 7, {"too_short": 1, "no_code": 3}, 1)


def console(*, terminal: bool = False) -> Console:
    return Console(file=io.StringIO(), width=100, force_terminal=terminal, color_system=None)


def said(on: Console) -> str:
    assert isinstance(on.file, io.StringIO)
    return on.file.getvalue()


def test_a_stage_is_one_line_with_its_reasons_the_most_frequent_first() -> None:
    on = console()
    on.print(stage_line(COUNTS, before=False))
    words = " ".join(said(on).split())
    assert words == "clean 7 kept, 4 dropped (no_code 3, too_short 1), 1 deferred"
    assert reasons(COUNTS) == "no_code 3, too_short 1"
    assert "(done before)" in stage_line(COUNTS, before=True)


def test_the_table_has_a_row_for_each_stage() -> None:
    on = console()
    on.print(counts_table([StageCounts("seeds", 0, 1200, 1200), COUNTS]))
    lines = [[cell.strip() for cell in line.split("│")] for line in said(on).splitlines()]
    assert ["", "seeds", "0", "1,200", "1,200", "", "", ""] in lines
    assert ["", "clean", "12", "", "7", "4", "no_code 3, too_short 1, deferred 1", ""] in lines


def test_a_pipe_gets_a_line_of_a_servers_log_now_and_then() -> None:
    now = [0.0]
    on = console()
    with Terminal(on, meter=Meter(clock=lambda: now[0])) as terminal:
        for second in range(40):
            now[0] = float(second)
            terminal.fetching(0, 0, f"starting vLLM: {second}")
            terminal.fetching(0, 0, f"starting vLLM: {second} and a half")
        terminal.fetching(0, 0, "loading")
    assert said(on).splitlines() == [
        "starting vLLM: 0 …",
        "starting vLLM: 15 …",
        "starting vLLM: 30 …",
        "loading …",
    ]


def test_a_pipe_is_not_told_the_same_again_while_a_start_says_nothing_new() -> None:
    now = [0.0]
    on = console()
    with Terminal(on, meter=Meter(clock=lambda: now[0])) as terminal:
        for second in range(100):
            now[0] = float(second)
            terminal.fetching(0, 0, f"starting vLLM: {second // 40}")
    assert said(on).splitlines() == [f"starting vLLM: {number} …" for number in range(3)]


@pytest.mark.parametrize("in_terminal", [True, False])
def test_a_run_is_told_from_beginning_to_end(in_terminal: bool) -> None:
    on = console(terminal=in_terminal)
    with Terminal(on, show_rows=True) as terminal:
        terminal.fetching(1, 10, "a model [/x]")
        terminal.fetching(10, 10, "a model [/x]")
        terminal.started("respond", 4)
        terminal.outcome("respond", Dropped({"id": "1", "entry_point": "f"}, "no_code", "[/b] hm"))
        terminal.outcome("respond", Deferred({"id": "2"}, "it is [red]down\x1b[31m"))
        terminal.outcome(
            "respond", Kept({"id": "3", "solution": "def f(): ...", "entry_point": "f"})
        )
        terminal.advanced("respond", 1)
        terminal.ended(StageCounts("respond", 4, 0, 2, {"no_code": 1}, 1), before=False)
        terminal.ended(StageCounts("testgen", 2, 0, 2), before=True)
    text = said(on)
    assert "no_code [/b] hm" in text and "respond: deferred it is [red]down" in text
    assert "def f(): ..." in text and "2 kept, 1 dropped (no_code 1), 1 deferred" in text
    assert "\x1b[31m" not in text
    assert terminal.deferred_because == "it is [red]down�[31m"


def test_a_pipe_gets_no_escape_sequence_and_no_bar() -> None:
    on = console()
    with Terminal(on) as terminal:
        terminal.started("evolve", None)
        terminal.outcome("evolve", Kept({"id": "1"}))
        terminal.ended(StageCounts("evolve", 0, 1, 1), before=False)
    assert said(on) == "evolve …\n       evolve  1 made, 1 kept\n"


def test_what_the_journal_gave_cost_no_tokens() -> None:
    meter = Terminal(console()).meter
    request = Request("solver", (), Sampling(), seed=1)
    answer = Answer("x", "m", prompt_tokens=1000, completion_tokens=20)
    meter.answered(request, answer, free=False)
    meter.answered(request, answer, free=True)
    meter.answered(request, Answer("x", "m"), free=False)  # an endpoint that does not count
    assert said_of(meter) == "20 tokens written, 1,000 read, 1 from the journal"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n\ttext é ✓ 汉", "plain\n\ttext é ✓ 汉"),
        ("\x1b[2J", "�[2J"),  # clears the screen
        ("\x1b]0;title\x07", "�]0;title�"),
        ("a\rb\x08\x00", "a�b��"),
        ("\ud800", "�"),  # cannot be printed at all
        ("\u202eabc", "�abc"),  # turns the direction of what follows
    ],
)
def test_only_printable_characters_are_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


ODD = "[red]x[/] [/b] :smile: \x1b[31m \ud800 \\"


@pytest.mark.parametrize("stage", ["seeds", "instruct", "evolve", "respond", "testgen", "execute",
                                   "judge", "clean"])  # fmt: skip
def test_rows_are_shown_as_text_whatever_a_model_wrote(stage: str) -> None:
    row: Row = {
        **finished_row(1),
        "input": ODD,
        "solution": ODD,
        "output": ODD,
        "entry_point": ODD,
        "seed_origin": ODD,
        "generation": 1,
        "operation": "crossover",
    }
    on = console()
    for outcome in (Kept(row), Dropped(row, "no_code", ODD), Deferred(row, ODD)):
        shown = shown_row(stage, outcome)
        if shown is not None:
            on.print(shown)
    on.print(whole_row(row, 1))
    assert "[red]x[/] [/b] :smile: �[31m � \\" in said(on)
    assert "\x1b" not in said(on)


@given(st.text())
def test_any_text_of_a_row_can_be_shown(text: str) -> None:
    on = console()
    row = {"id": "1", "input": text, "entry_point": text, "operation": "crossover"}
    on.print(shown_row("instruct", Kept(row)))
    on.print(shown_row("clean", Dropped(row, "no_code", text)))
    on.print(shown_row("clean", Deferred(row, text)))
    assert "no_code" in said(on)
