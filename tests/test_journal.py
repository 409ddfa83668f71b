"""The journal: no answer is lost, none is paid for twice, and never do two runs share one."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opencodeinstruct.builder.errors import ProjectError, RowError, RunFolderError
from opencodeinstruct.tools.llm.journal import Journal, asked, is_reusable
from opencodeinstruct.tools.llm.ledger import Total, ledger
from opencodeinstruct.tools.llm.protocol import clean
from opencodeinstruct.tools.ports import Answer, Message, Request, Role, Sampling


def question(
    text: str = "hello", *, max_tokens: int = 100, role: Role = "solver", **changed: Any
) -> Request:
    sampling = Sampling(max_tokens=max_tokens, temperature=changed.pop("temperature", 0.7))
    return Request(role, (Message("user", text),), sampling, **{"seed": 1, **changed})


def record(path: Path, *pairs: tuple[Request, Answer], model: str = "m") -> None:
    async def main(journal: Journal) -> None:
        await asyncio.gather(*[journal.record(asked(model, request), a) for request, a in pairs])

    with Journal(path) as journal:
        asyncio.run(main(journal))


def recalled(path: Path, request: Request, model: str = "m") -> Answer | None:
    with Journal(path) as journal:
        return journal.recall(asked(model, request))


COUNTS = st.integers(0, 2**31 - 1) | st.none()


@settings(deadline=None, max_examples=20)
@given(texts=st.lists(st.tuples(st.text(), st.text(), COUNTS), unique_by=lambda row: row[0]))
def test_answers_come_back_as_they_were_recorded(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str, int | None]]
) -> None:
    path = tmp_path_factory.mktemp("run") / "journal.sqlite"
    pairs = [(question(asked), Answer(said, "m-v2", "stop", n, 3)) for asked, said, n in texts]
    record(path, *pairs)
    with Journal(path) as journal:
        for request, answer in pairs:
            assert journal.recall(asked("m", request)) == answer


@pytest.mark.parametrize(
    ("other", "model", "found"),
    [
        (question(role="judge"), "m", True),  # who asks does not matter
        (question(schema=None), "m", True),
        (question(), "m2", False),
        (question("hello "), "m", False),
        (question(seed=2), "m", False),
        (question(temperature=0.8), "m", False),
        (question(schema={"type": "object"}), "m", False),
        (
            Request("solver", (Message("system", "hello"),), Sampling(max_tokens=100), seed=1),
            "m",
            False,
        ),
    ],
)
def test_what_is_asked_decides_which_answer_is_found(
    tmp_path: Path, other: Request, model: str, found: bool
) -> None:
    record(tmp_path / "j", (question(), Answer("yes", "m")))
    assert (recalled(tmp_path / "j", other, model) is not None) == found


@pytest.mark.parametrize(
    ("finish_reason", "tokens", "recorded", "wanted", "reusable"),
    [
        ("stop", 50, 100, 100, True),
        ("stop", 50, 100, 50, True),  # it fits
        ("stop", 50, 100, 49, False),  # it would have been cut
        ("stop", 50, 100, 200, True),
        ("stop", None, 100, 200, True),
        ("stop", None, 100, 50, False),  # nobody knows whether it fits
        ("length", 100, 100, 100, True),
        ("length", 100, 100, 200, False),  # more could have come
        ("length", 100, 100, 50, False),
        ("content_filter", 10, 100, 100, True),  # whatever it is, it is not paid for twice
        ("content_filter", 10, 100, 200, False),
    ],
)
def test_a_change_of_max_tokens_asks_again_only_where_the_answer_could_differ(
    finish_reason: str, tokens: int | None, recorded: int, wanted: int, reusable: bool
) -> None:
    answer = Answer("text", "m", finish_reason, 1, tokens)
    assert is_reusable(answer, recorded, wanted) == reusable


def test_answers_under_two_limits_are_both_kept_and_the_one_under_the_same_limit_preferred(
    tmp_path: Path,
) -> None:
    short, long = Answer("sh", "m", "length", 1, 2), Answer("long", "m", "stop", 1, 9)
    record(tmp_path / "j", (question(max_tokens=2), short), (question(max_tokens=9), long))
    assert recalled(tmp_path / "j", question(max_tokens=2)) == short
    assert recalled(tmp_path / "j", question(max_tokens=9)) == long
    assert recalled(tmp_path / "j", question(max_tokens=99)) == long
    assert recalled(tmp_path / "j", question(max_tokens=5)) is None


def test_statistics_count_answers_tokens_and_recalls(tmp_path: Path) -> None:
    pairs = [(question(str(n)), Answer("x", "m", "stop", 10, None if n else 4)) for n in range(3)]
    record(tmp_path / "j", *pairs)
    with Journal(tmp_path / "j") as journal:
        assert journal.recall(asked("m", question("0"))) is not None
        assert journal.recall(asked("m", question("7"))) is None
        found = journal.statistics()
    assert (found.answers, found.prompt_tokens, found.completion_tokens, found.hits) == (
        3,
        30,
        4,
        1,
    )


def test_a_person_can_read_the_requests_with_any_sqlite_tool(tmp_path: Path) -> None:
    record(tmp_path / "j", (question("Schöne Grüße"), Answer("x", "m")))
    connection = sqlite3.connect(tmp_path / "j")
    ((text,),) = connection.execute("SELECT request FROM answers").fetchall()
    connection.close()
    assert "Schöne Grüße" in text
    assert json.loads(text)["messages"] == [["user", "Schöne Grüße"]]


def test_exported_answers_replay_in_another_journal_which_keeps_its_own(tmp_path: Path) -> None:
    pairs = [(question(f"q{n}", schema={"b": 1, "a": n}), Answer(f"a{n}", "m")) for n in range(5)]
    record(tmp_path / "j", *pairs, (question("\ud800"), Answer("s", "m")))
    lines = tmp_path / "answers.jsonl"
    with ledger(tmp_path / "j") as book:
        lines.write_text("".join(line + "\n" for line in book.lines()))
    record(tmp_path / "k", (pairs[0][0], Answer("own", "m")))
    with Journal(tmp_path / "k") as journal:
        assert journal.import_lines(lines) == 6
        assert journal.recall(asked("m", pairs[0][0])) == Answer("own", "m")
        assert [journal.recall(asked("m", request)) for request, _ in pairs[1:]] == [
            a for _, a in pairs[1:]
        ]
        assert journal.recall(asked("m", question("\ud800"))) == Answer("s", "m")


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "7",
        "{}",
        '{"request": 3}',
        '{"request": {}, "text": 3, "model": "m", "finish_reason": "stop", '
        '"prompt_tokens": null, "completion_tokens": null, "max_tokens": 1}',
        '{"request": {}, "text": "", "model": "m", "finish_reason": "stop", '
        '"prompt_tokens": 1e99, "completion_tokens": null, "max_tokens": 1}',
        '{"request": {}, "text": "", "model": "m", "finish_reason": "stop", '
        '"prompt_tokens": null, "completion_tokens": null, "max_tokens": null}',
        "\udcff",
    ],
)
def test_a_bad_line_to_import_is_named_and_nothing_is_imported(tmp_path: Path, line: str) -> None:
    record(tmp_path / "j", (question(), Answer("x", "m")))
    lines = tmp_path / "answers.jsonl"
    with ledger(tmp_path / "j") as book:
        good = next(book.lines())
    lines.write_bytes(f"{good}\n{line}\n".encode("utf-8", "surrogateescape"))
    with Journal(tmp_path / "k") as journal:
        with pytest.raises(RowError, match=r"answers\.jsonl:2: not a recorded answer"):
            journal.import_lines(lines)
        assert journal.statistics().answers == 0


def a_text_file(path: Path) -> None:
    path.write_text("notes of mine\n" * 100)


def a_folder(path: Path) -> None:
    path.mkdir()


def another_database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE pets (name)")
    connection.close()


def a_journal_of_the_future(path: Path) -> None:
    record(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()


def a_torn_journal(path: Path) -> None:
    record(path, *[(question(str(n)), Answer("x" * 3000, "m")) for n in range(20)])
    with path.open("r+b") as file:
        file.truncate(5000)


@pytest.mark.parametrize(
    "made", [a_text_file, a_folder, another_database, a_journal_of_the_future, a_torn_journal]
)
def test_a_file_that_is_no_journal_is_refused_and_left_as_it_is(
    tmp_path: Path, made: Callable[[Path], None]
) -> None:
    path = tmp_path / "journal.sqlite"
    made(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(RunFolderError, match=r"journal\.sqlite"):
        recalled(path, question("1"))
    assert (path.read_bytes() if path.is_file() else b"") == before


@pytest.mark.parametrize("size", [0, None])
def test_an_empty_file_of_a_run_killed_at_its_start_becomes_a_journal(
    tmp_path: Path, size: int | None
) -> None:
    path = tmp_path / "deep" / "folder" / "journal.sqlite"
    if size is not None:
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
    record(path, (question(), Answer("x", "m")))
    assert recalled(path, question()) == Answer("x", "m")


def test_a_folder_that_cannot_be_written_is_a_project_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProjectError, match="journal"):
        recalled(tmp_path / "file" / "journal", question())


def test_many_answers_share_their_commits(tmp_path: Path) -> None:
    """5,000 answers at once: a commit for each would take minutes on a slow disk."""
    record(tmp_path / "j", *[(question(str(n)), Answer("x" * 800, "m")) for n in range(5000)])
    with Journal(tmp_path / "j") as journal:
        assert journal.statistics().answers == 5000


def test_the_request_text_does_not_depend_on_the_order_of_a_schema() -> None:
    one, other = question(schema={"a": 1, "b": [2]}), question(schema={"b": [2], "a": 1})
    assert asked("m", one) == asked("m", other)


def a_journal_of_version_1(path: Path) -> None:
    """As the first release wrote it, with one answer."""
    record(path, (question(), Answer("old", "m", "stop", 3, 4)))
    connection = sqlite3.connect(path)
    for column in ("reasoning", "cached_tokens", "seconds", "role"):
        connection.execute(f"ALTER TABLE answers DROP COLUMN {column}")
    connection.execute("PRAGMA user_version=1")
    connection.commit()
    connection.close()


def test_a_journal_of_the_first_version_keeps_its_answers(tmp_path: Path) -> None:
    a_journal_of_version_1(tmp_path / "j")
    with pytest.raises(RunFolderError, match="another version"), ledger(tmp_path / "j"):
        pass
    assert recalled(tmp_path / "j", question()) == Answer("old", "m", "stop", 3, 4)
    record(tmp_path / "j", (question("new"), Answer("new", "m", reasoning="hm", seconds=1.5)))
    assert recalled(tmp_path / "j", question("new")) == Answer("new", "m", reasoning="hm")
    with ledger(tmp_path / "j") as book:
        assert [(total.role, total.answers) for total in book.totals()] == [("", 1), ("solver", 1)]


def test_the_ledger_counts_by_model_and_role_and_knows_the_slowest_while_a_run_writes(
    tmp_path: Path,
) -> None:
    pairs = [
        (question("fast"), Answer("x", "m-v1", "stop", 10, 2, cached_tokens=4, seconds=0.5)),
        (question("a slow\none"), Answer("x", "m-v1", "length", 20, 100, seconds=9.0)),
        (question("judged", role="judge"), Answer("x", "m-v1", "stop", None, None, seconds=2.0)),
    ]
    with Journal(tmp_path / "j") as journal:

        async def write() -> None:
            await asyncio.gather(*[journal.record(asked("m", own), a) for own, a in pairs])

        asyncio.run(write())
        with ledger(tmp_path / "j") as book:
            assert book.totals() == [
                Total("m", "judge", 1, 0, 0, 0, 0, 2.0),
                Total("m", "solver", 2, 30, 4, 102, 1, 9.5),
            ]
            assert [(call.seconds, call.question) for call in book.slowest(2)] == [
                (9.0, "a slow one"),
                (2.0, "judged"),
            ]


def test_imported_answers_may_count_as_another_models(tmp_path: Path) -> None:
    record(tmp_path / "j", (question(), Answer("mine", "m")))
    record(tmp_path / "j", (question("n"), Answer("other", "n")), model="n")
    lines = tmp_path / "answers.jsonl"
    with ledger(tmp_path / "j") as book:
        lines.write_text("".join(line + "\n" for line in book.lines()))
    with Journal(tmp_path / "k") as journal:
        assert journal.import_lines(lines, of_model="m", as_model="replayed") == 1
        assert journal.recall(asked("replayed", question())) == Answer("mine", "m")
        assert journal.recall(asked("replayed", question("n"))) is None


@given(
    st.lists(st.tuples(st.text(max_size=8), st.text()), max_size=3),
    st.integers(0, 2**31),
    st.floats(0, 2),
    st.none()
    | st.dictionaries(st.text(max_size=5), st.lists(st.text() | st.integers()), max_size=2),
)
def test_a_request_is_known_by_its_canonical_json(
    said: list[tuple[str, str]],
    seed: int,
    temperature: float,
    schema: dict[str, Any] | None,
) -> None:
    sampling = Sampling(temperature=temperature, max_tokens=7)
    messages = tuple(Message(role, text) for role, text in said)
    own = asked("m\n", Request("judge", messages, sampling, seed, schema))
    plain = {
        "model": "m\n",
        "messages": [[role, clean(text)] for role, text in said],
        "temperature": temperature,
        "top_p": sampling.top_p,
        "seed": seed,
        "schema": schema,
    }
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert own.text == clean(text)
    assert own.key == blake2b(own.text.encode(), digest_size=16).digest()
    assert (own.max_tokens, own.role) == (7, "judge")
