"""The filter before the journal never denies what is recorded."""

import asyncio
import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from opencodeinstruct.tools.llm.journal import Journal, asked
from opencodeinstruct.tools.llm.keys_seen import KeysSeen
from opencodeinstruct.tools.ports import Answer, Message, Request, Sampling


@given(st.lists(st.binary(min_size=16, max_size=16)), st.binary(min_size=16, max_size=16))
def test_what_was_added_may_be_held(keys: list[bytes], later: bytes) -> None:
    seen = KeysSeen(keys)
    seen.add(later)
    assert all(seen.may_hold(key) for key in [*keys, later])


def test_most_of_what_was_not_added_is_denied() -> None:
    seen = KeysSeen(os.urandom(16) for _ in range(10_000))
    assert sum(seen.may_hold(os.urandom(16)) for _ in range(10_000)) < 100


def own(number: int) -> Request:
    return Request("solver", (Message("user", f"q{number}"),), Sampling(), seed=1)


def recalled(journal: Journal, *numbers: int) -> list[str | None]:
    found = [journal.recall(asked("m", own(number))) for number in numbers]
    return [answer.text if answer is not None else None for answer in found]


def test_a_journal_recalls_what_it_held_what_was_recorded_and_what_was_imported(
    tmp_path: Path,
) -> None:
    async def record(journal: Journal, number: int) -> None:
        await journal.record(asked("m", own(number)), Answer(f"a{number}", "m"))

    with Journal(tmp_path / "j") as journal:
        asyncio.run(record(journal, 1))
        assert recalled(journal, 1, 2) == ["a1", None]
    of_third = asked("m", own(3)).text
    (tmp_path / "lines").write_text(
        f'{{"request": {of_third}, "max_tokens": 1024, "text": "a3", "model": "m"}}\n'
    )
    with Journal(tmp_path / "j") as journal:
        asyncio.run(record(journal, 2))
        assert recalled(journal, 1, 2, 3) == ["a1", "a2", None]
        assert journal.import_lines(tmp_path / "lines") == 1
        assert recalled(journal, 1, 2, 3, 4) == ["a1", "a2", "a3", None]
