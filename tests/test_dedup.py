"""Which questions repeat another, against a slow and clear way to say so."""

import random
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opencodeinstruct.tools.outcome import Verdicts
from opencodeinstruct.tools.stages.dedup import DedupSettings, dedup
from opencodeinstruct.tools.text.alike import Alike, Texts, find_alike
from opencodeinstruct.tools.text.banding import Banding, choose_banding
from opencodeinstruct.tools.text.known_texts import KnownTexts, add_to_index, open_index
from opencodeinstruct.tools.text.row_marks import Likeness
from opencodeinstruct.tools.text.tokens import tokens
from tests.driving import columns_in

LONG = (
    "Write a function that takes the list of parcels on a van and returns the order in which the"
    " driver should hand them over so that no parcel has to be moved twice during the whole tour"
)
SURE = Banding(128, 1)  # so many bands of one row that nothing at 0.7 is missed


def verdicts(table: pa.Table, **changes: object) -> Verdicts:
    return dedup(columns_in(table), DedupSettings.model_validate(changes))


def reasons(texts: Sequence[str | None], **changes: object) -> list[str | None]:
    table = pa.table({"input": pa.array(texts, pa.string())})
    return list(verdicts(table, **changes).reasons.to_pylist())


OPERATORS = re.compile(r"(?:[-+*/%<>=&|^]|!(?==))+")
CASE = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z][a-z])")


def is_operator(text: str, start: int, end: int) -> bool:
    run = text[start:end]
    if set(run) - set("-*"):
        return True
    before, after = text[:start], text[end:]
    if run in ("*", "**") and re.search(r"\w\Z", before) and re.match(r"\w", after):
        return True
    spaced = re.search(r"[\w)\]] \Z", before) and re.match(r" [\w(\[]", after)
    return run in ("-", "*", "**") and bool(spaced)


def slow_tokens(text: str) -> list[str]:
    """The tokens of ASCII `text`, by regular expressions."""
    found = []
    for match in re.finditer(rf"[A-Za-z0-9]+|{OPERATORS.pattern}", text):
        if match[0][0].isalnum():
            found += CASE.split(match[0])
        elif is_operator(text, *match.span()):
            found.append(match[0])
    return [one.lower() for one in found]


def slow_set(text: str, size: int) -> frozenset[object]:
    words = slow_tokens(text)
    runs = [tuple(words[n : n + size]) for n in range(len(words) - size + 1)]
    return frozenset(runs) or frozenset([" ".join(text.lower().split())])


def slow_jaccard(one: frozenset[object], other: frozenset[object]) -> float:
    return len(one & other) / len(one | other)


def slow_survivors(sets: Sequence[frozenset[object]], order: Sequence[int]) -> set[int]:
    kept: list[int] = []
    for row in order:
        if all(slow_jaccard(sets[row], sets[other]) < 0.7 for other in kept):
            kept.append(row)
    return set(kept)


def slow_groups(sets: Sequence[frozenset[object]]) -> set[frozenset[int]]:
    groups = [{row} for row in range(len(sets))]
    for one in range(len(sets)):
        for other in range(one):
            if slow_jaccard(sets[one], sets[other]) >= 0.7:
                first = next(group for group in groups if one in group)
                second = next(group for group in groups if other in group)
                if first is not second:
                    groups.remove(second)
                    first |= second
    return {frozenset(group) for group in groups}


def partition(names: Sequence[object]) -> set[frozenset[int]]:
    return {frozenset(row for row, one in enumerate(names) if one == name) for name in set(names)}


def found_in(texts: Sequence[str], size: int = 5) -> Alike:
    own = Texts(lambda: iter([pa.array(texts, pa.string())]))
    return find_alike([own], Likeness(size, 0.7, SURE), lambda what, done: None)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(min_codepoint=0, max_codepoint=127), max_size=60))
def test_tokens_of_ascii_are_those_of_regular_expressions(text: str) -> None:
    found = tokens(pa.array([text]))
    cut = [text[a:b].lower() for a, b in zip(found.starts, found.ends, strict=True)]
    assert cut == slow_tokens(text)


WORDS = st.lists(st.sampled_from(["a", "b", "c", "aB", "+", "1"]), max_size=14).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS, max_size=14), st.integers(1, 4))
def test_survivors_and_groups_are_those_of_comparing_every_pair(
    texts: list[str], size: int
) -> None:
    found = found_in(texts, size)
    sets = [slow_set(text, size) for text in texts]
    assert {row for row, kept in enumerate(found.kept) if kept == row} == (
        slow_survivors(sets, range(len(texts)))
    )
    assert partition(found.near.tolist()) == slow_groups(sets)
    for row, kept in enumerate(found.kept.tolist()):
        assert found.kept[kept] == kept
        assert found.similarity[row] == (1 if row == kept else slow_jaccard(sets[row], sets[kept]))


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, max_size=12, unique=True), st.randoms(use_true_random=False))
def test_the_order_of_rows_with_ids_decides_nothing(texts: list[str], draw: random.Random) -> None:
    def groups_of(numbers: list[int]) -> dict[str, tuple[object, ...]]:
        table = pa.table(
            {
                "id": pa.array([f"{n:04d}" for n in numbers], pa.string()),
                "input": pa.array([texts[n] for n in numbers], pa.string()),
                "near_group": pa.nulls(len(numbers), pa.string()),
            }
        )
        found = verdicts(table, ngram_words=2)
        near = (found.columns or {})["near_group"].to_pylist()
        columns = (near, found.reasons.to_pylist())
        return dict(zip(table["id"].to_pylist(), zip(*columns, strict=True), strict=True))

    numbers = list(range(len(texts)))
    before = groups_of(numbers)
    draw.shuffle(numbers)
    assert groups_of(numbers) == before


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ("Sum two numbers", "sum  TWO\nnumbers ", "exact_duplicate"),  # case and white space
        ("Ｓｕｍ two numbers", "Sum two numbers", "exact_duplicate"),  # noqa: RUF001 full-width
        (LONG, LONG.replace("tour", "trip"), "near_duplicate"),  # one word of many
        (LONG, LONG.replace(" and ", ", and "), "near_duplicate"),  # punctuation
        (LONG, LONG[: len(LONG) // 2], None),  # half of it is another text
        ("Return a + b", "Return a - b", None),  # an operator is a word
        ("Write f(a, b) that returns a + b", "Write f(a, b) that returns a * b", None),
        ("Count to 5", "Count to 6", None),  # numbers are kept
        ("Short text", "Short texts", None),  # too short for shingles: only equal to itself
        ("求列表中所有数字的总和并返回", "求列表中所有数字的乘积再打印", None),  # not one word
        (
            "求列表中所有数字的总和并返回结果给调用者使用",
            "求列表中所有数字的总和并返回结果给调用者看",
            "near_duplicate",
        ),
        ("+-", "-+", None),  # no words at all
        ("", " ", "exact_duplicate"),
        (None, None, None),  # no text is no text twice
    ],
)
def test_a_pair_is_judged_by_what_it_says(
    first: str | None, second: str | None, reason: str | None
) -> None:
    assert reasons([first, second]) == [None, reason]


def test_the_evidence_is_the_kept_row_and_the_similarity() -> None:
    other = LONG.replace("tour", "trip")
    table = pa.table({"id": ["a", "b", "c"], "input": [LONG, "Other", other]})
    found = verdicts(table)
    assert found.evidence is not None
    expected = slow_jaccard(slow_set(LONG, 5), slow_set(other, 5))
    assert found.evidence.to_pylist() == [None, None, f"a {expected:.3f}"]


TWINS = [LONG, LONG.replace("tour", "trip"), LONG.replace("tour", "walk")]


@pytest.mark.parametrize(
    ("scores", "rates", "keep", "kept"),
    [
        ([None, None, None], [None, None, None], None, "a"),  # nothing but ids
        ([3, 5, 4], [1.0, 0.1, 1.0], None, "b"),  # the judge comes first
        ([5, 5, 4], [0.5, 0.9, 1.0], None, "b"),  # then the tests
        ([None, 1, 1], [1.0, 0.5, 0.5], None, "a"),  # no score is the lowest
        ([3, 5, 4], [1.0, 0.1, 0.2], ["pass_rate"], "c"),
        ([3, 5, 4], [1.0, 0.1, 1.0], ["first"], "c"),  # the rows come as c, b, a
    ],
)
def test_the_recipe_says_which_row_stays(
    scores: list[int | None], rates: list[float | None], keep: list[str] | None, kept: str
) -> None:
    table = pa.table(
        {
            "id": ["c", "b", "a"],
            "input": TWINS,
            "judge_score": pa.array(list(scores), pa.int8()),
            "pass_rate": pa.array(list(rates), pa.float64()),
        }
    )
    changes = {} if keep is None else {"keep": keep}
    found = verdicts(table, **changes).reasons.to_pylist()
    assert [one for one, reason in zip("cba", found, strict=True) if reason is None] == [kept]


def test_groups_are_named_by_who_stays_and_a_row_alone_by_itself() -> None:
    texts = ["Alone", *TWINS, "alone "]
    ids = ["e", "d", "c", "b", "a"]
    nothing = pa.nulls(5, pa.string())
    table = pa.table({"id": ids, "input": texts, "exact_group": nothing, "near_group": nothing})
    columns = verdicts(table).columns
    assert columns is not None
    assert columns["exact_group"].to_pylist() == ["a", "d", "c", "b", "a"]
    assert columns["near_group"].to_pylist() == ["a", "b", "b", "b", "a"]


def test_a_level_that_does_not_drop_still_groups() -> None:
    texts = [*TWINS, TWINS[1]]
    assert reasons(texts, drop=["exact"]) == [None, None, None, "exact_duplicate"]
    assert reasons(texts, drop=[]) == [None] * 4


def test_a_chain_of_small_edits_is_one_group_and_not_one_row() -> None:
    words = [f"w{number}" for number in range(60)]
    chain = [" ".join([f"x{n}" for n in range(step)] + words[step:]) for step in range(0, 60, 3)]
    found = found_in(chain)
    kept = [text for row, text in enumerate(chain) if found.kept[row] == row]
    assert len(kept) >= 4
    assert reasons(kept) == [None] * len(kept)
    assert set(found.near.tolist()) == {0}


def test_an_empty_table_and_an_absent_column_drop_nothing() -> None:
    empty = verdicts(pa.table({"input": pa.array([], pa.string())}))
    assert len(empty.reasons) == 0
    assert pa.types.is_dictionary(empty.reasons.type)
    absent = verdicts(pa.table({"id": ["a", "b"]}))
    assert absent.reasons.null_count == 2


def edited(draw: random.Random, words: list[str]) -> str:
    copy = list(words)
    for _ in range(draw.randrange(6)):
        copy[draw.randrange(len(copy))] = f"new{draw.randrange(1000)}"
    return " ".join(copy)


def test_the_chosen_bands_find_what_they_are_said_to() -> None:
    draw = random.Random(3)
    bases = [[f"w{draw.randrange(400)}" for _ in range(80)] for _ in range(80)]
    texts = [edited(draw, base) for base in bases for _ in range(4)]
    sets = [slow_set(text, 5) for text in texts]
    expected = slow_survivors(sets, range(len(texts)))
    kept = {row for row, reason in enumerate(reasons(texts)) if reason is None}
    assert len(expected) < 250
    assert len(kept ^ expected) <= 2  # one pair in a hundred is missed right at the threshold


@pytest.mark.parametrize(("threshold", "bands", "rows"), [(0.7, 25, 5), (0.8, 18, 7), (0.5, 42, 3)])
def test_bands_follow_from_the_threshold(threshold: float, bands: int, rows: int) -> None:
    banding = choose_banding(threshold, 128)
    assert banding.missed(threshold) <= 0.02
    assert (banding.bands, banding.rows) == (bands, rows)
    assert choose_banding(0.1, 4) == Banding(4, 1)  # not enough for 2%: the best there is


def test_many_rows_of_one_key_are_compared_with_the_first() -> None:
    texts = [f"{LONG} number {n}" for n in range(500)]
    assert reasons(texts) == [None] + ["near_duplicate"] * 499


def test_texts_known_before_stay_and_drop_what_repeats_them(tmp_path: Path) -> None:
    like = Likeness(5, 0.7, choose_banding(0.7, 128))
    old = Texts(lambda: iter([pa.array([LONG, "Old", None])]))
    open_index(tmp_path, like)
    add_to_index(tmp_path, "old", old, np.array([True, True, True]), like)
    table = pa.table({"input": ["New", LONG.replace("tour", "trip"), "OLD"]})
    for known in (old, KnownTexts(tmp_path)):
        found = dedup(columns_in(table), DedupSettings(), [known])
        assert found.reasons.to_pylist() == [None, "known_duplicate", "known_duplicate"]
    itself = KnownTexts(tmp_path, without="old")
    assert dedup(columns_in(table), DedupSettings(), [itself]).reasons.null_count == 3
