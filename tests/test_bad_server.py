"""A server that misbehaves, and the stages that ask it: the run survives, and every row is told."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from opencodeinstruct.builder.schema import table_of, working_schema
from opencodeinstruct.tools.llm.asking import asking
from opencodeinstruct.tools.llm.model_settings import ModelSettings
from opencodeinstruct.tools.llm.oversight import Oversight
from opencodeinstruct.tools.outcome import Kept, Outcome, Row
from opencodeinstruct.tools.ports import Ask
from opencodeinstruct.tools.prompt import load_prompts
from opencodeinstruct.tools.recipe import ROLES
from opencodeinstruct.tools.run_folder import RunFolder, StageCounts, read_table
from opencodeinstruct.tools.runner import drive
from opencodeinstruct.tools.stages.clean import CleanSettings, clean
from opencodeinstruct.tools.stages.instruct import InstructSettings, instruct
from opencodeinstruct.tools.stages.respond import RespondSettings, respond
from opencodeinstruct.tools.stages.seeds import seed_row
from opencodeinstruct.tools.stages.testgen import TestgenSettings, testgen
from opencodeinstruct.tools.steps import EachRow, Pace, Source, Step
from opencodeinstruct.tools.watch import Nobody
from tests.endpoint import (
    ERROR_IN_BODY,
    MODEL,
    Body,
    Endpoint,
    Fault,
    Reply,
    in_turn,
    last_message,
    status,
)

PROMPTS = load_prompts()
SOLVED = "Like this:\n\n```python\ndef f(x):\n    return x + 1\n```\n"
CHINESE = "编写一个名为 f 的函数 它接收一个整数并返回加一后的结果 注意处理边界情况和负数的输入值"
ROWS = 12

Work = Callable[[Row, Ask], Awaitable[Outcome]]


def question_row(number: int) -> Row:
    return {
        "id": f"{number:032d}",
        "input": f"Write `f`, number {number}.\n\nSignature: `def f(x: int) -> int`",
        "entry_point": "f",
        "signature": "def f(x: int) -> int",
        "domain": "generic",
    }


def solving(row: Row, ask: Ask, **settings: Any) -> Awaitable[Outcome]:
    return respond(row, ask, PROMPTS, RespondSettings(**settings), seed=1)


def with_tests(row: Row, ask: Ask, **settings: Any) -> Awaitable[Outcome]:
    return testgen(row, ask, PROMPTS, TestgenSettings(**settings), seed=1)


def came_of(
    folder: Path, endpoint: Endpoint, work: Work, over: Oversight | None = None, **model: Any
) -> tuple[StageCounts, list[Row]]:
    """What became of twelve rows: the stage's counts, and the rows it kept."""
    given = {
        "base_url": endpoint.base_url,
        "name": MODEL,
        "first_wait_seconds": 0.001,
        "max_concurrent_requests": 4,
        **model,
    }
    run = RunFolder(folder / "run", ("seeds", "asked"))

    async def main() -> StageCounts:
        models = {role: ModelSettings.model_validate(given) for role in ROLES}
        async with asking(models, folder / "run/journal.sqlite", oversight=over) as ask:
            source = Source(lambda: iter([Kept(question_row(number)) for number in range(ROWS)]))
            steps = [
                Step("seeds", source, "1"),
                Step("asked", EachRow(lambda row: work(row, ask), 8), "2"),
            ]
            return (await drive(steps, run, Nobody(), Pace(rows_per_part=5)))[-1]

    counts = asyncio.run(main())
    stage = run.stage("asked")
    rows = [
        row for path in sorted(stage.path.glob("part-*")) for row in read_table(path).to_pylist()
    ]
    return counts, rows


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("\x00\x1b[31m�xq 0000 {{{{ <|im_end|>" * 40, "not_utf8"),
        ("zq vv 0 ;; ((" * 200, "no_code"),  # garbage
        ("I will write the function. " * 300, "no_code"),  # one sentence again and again
        (CHINESE, "no_code"),
        ("", "empty_answer"),
    ],
)
def test_answers_of_no_use_are_dropped_with_the_reason_after_as_many_tries_as_were_set(
    tmp_path: Path, answer: str, reason: str
) -> None:
    over = Oversight()
    with Endpoint(lambda _: answer) as endpoint:
        counts, rows = came_of(tmp_path, endpoint, partial(solving, tries=2), over)
    assert counts.dropped == {reason: ROWS}
    assert rows == []
    assert len(endpoint.requests) == 2 * ROWS
    assert over.meter.unreadable == Counter({reason: ROWS})  # told of the first try


def test_a_question_in_chinese_is_cleaned_away_and_one_in_english_stays() -> None:
    def said(text: str) -> str:
        return json.dumps(
            {"signature": "def f(x: int) -> int", "problem": text}, ensure_ascii=False
        )

    english = (
        "Write a function `f` that takes an integer and returns the next larger integer of it."
    )
    replies = [said(f"{CHINESE} `f`"), said(english)]

    async def main(ask: Ask) -> list[Row]:
        rows = []
        for number in range(2):
            text = f"def add_{number}(x):\n    return x + {number}"
            seed = seed_row(text, domain="generic", origin="a.py:1", license="MIT")
            outcome = await instruct(seed, ask, PROMPTS, InstructSettings(tries=1), seed=1)
            assert isinstance(outcome, Kept)
            rows.append(outcome.row)
        return rows

    with Endpoint(in_turn(*replies)) as endpoint:
        rows = asyncio.run(asked(endpoint, main))
    verdicts = clean(table_of(rows, working_schema()), CleanSettings())
    assert verdicts.reasons.to_pylist() == ["not_english", None]


async def asked(endpoint: Endpoint, main: Callable[[Ask], Awaitable[list[Row]]]) -> list[Row]:
    settings = ModelSettings.model_validate({"base_url": endpoint.base_url, "name": MODEL})
    with TemporaryDirectory() as folder:
        async with asking({"generator": settings}, Path(folder) / "j") as ask:
            return await main(ask)


def test_an_answer_that_is_cut_is_asked_again_with_more_tokens_and_then_dropped(
    tmp_path: Path,
) -> None:
    """Rows with an even number are whole with twice the tokens, the others never."""

    def cut(body: Body) -> Reply:
        number = int(last_message(body).split("number ")[1].split(".")[0])
        whole = number % 2 == 0 and body["max_tokens"] >= 2048
        return Fault(text=SOLVED, finish_reason="stop" if whole else "length")

    with Endpoint(cut) as endpoint:
        counts, _ = came_of(tmp_path, endpoint, solving)
    assert counts.kept == ROWS // 2
    assert counts.dropped == {"cut_short": ROWS // 2}
    assert sorted({body["max_tokens"] for body in endpoint.requests}) == [1024, 2048]


def test_of_ten_items_where_five_were_asked_for_five_are_taken(tmp_path: Path) -> None:
    lines = "\n".join(f"assert f({n}) == {n + 1}" for n in range(10))
    with Endpoint(lambda _: f"```python\n{lines}\n```") as endpoint:
        counts, rows = came_of(tmp_path, endpoint, partial(with_tests, count=5))
    assert counts.kept == ROWS
    assert {len(json.loads(row["unit_tests"])) for row in rows} == {5}


def test_an_answer_that_never_ends_costs_its_row_a_deferral_and_no_other(tmp_path: Path) -> None:
    def endless(body: Body) -> Reply:
        return Fault(endless=True) if "number 3." in last_message(body) else SOLVED

    with Endpoint(endless) as endpoint:
        counts, rows = came_of(tmp_path, endpoint, solving, request_timeout_seconds=1.0)
        assert (counts.deferred, counts.kept) == (1, ROWS - 1)
        assert len(rows) == ROWS - 5  # the part of that row is made again
        asked_before = len(endpoint.requests)
        endpoint.answer = lambda _: SOLVED
        counts, rows = came_of(tmp_path, endpoint, solving, request_timeout_seconds=1.0)
    assert (counts.kept, len(rows)) == (ROWS, ROWS)
    assert len(endpoint.requests) == asked_before + 1  # the others are in the journal


def test_an_error_in_a_reply_of_status_200_is_tried_again_and_is_no_answer(tmp_path: Path) -> None:
    lock, seen = threading.Lock(), set[str]()

    def first_an_error(body: Body) -> Reply:
        with lock:
            again = last_message(body) in seen
            seen.add(last_message(body))
        return SOLVED if again else ERROR_IN_BODY

    with Endpoint(first_an_error) as endpoint:
        counts, rows = came_of(tmp_path, endpoint, solving)
    assert counts.kept == len(rows) == ROWS
    assert len(endpoint.requests) == 2 * ROWS


def test_a_model_that_changes_its_name_midway_is_named_as_it_was_for_each_row(
    tmp_path: Path,
) -> None:
    lock, count = threading.Lock(), [0]

    def renamed(_: Body) -> Reply:
        with lock:
            count[0] += 1
            return Fault(text=SOLVED, model="m-v1" if count[0] <= 5 else "m-v2")

    with Endpoint(renamed) as endpoint:
        counts, rows = came_of(tmp_path, endpoint, solving)
        names = Counter(row["solver_model"] for row in rows)
        again, same = came_of(tmp_path, endpoint, solving)
    assert counts.kept == ROWS
    assert names == {"m-v1": 5, "m-v2": ROWS - 5}
    assert (again, same) == (counts, rows)


def test_a_server_that_says_only_error_defers_every_row_and_a_later_run_keeps_them(
    tmp_path: Path,
) -> None:
    with Endpoint(lambda _: status(500, "out of memory")) as endpoint:
        counts, rows = came_of(tmp_path, endpoint, solving, attempts=2)
        assert (counts.deferred, rows) == (ROWS, [])
        endpoint.answer = lambda _: SOLVED
        counts, rows = came_of(tmp_path, endpoint, solving)
    assert counts.kept == len(rows) == ROWS
