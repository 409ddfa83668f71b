"""Which questions repeat an earlier one."""

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opencodeinstruct.tools.stages.dedup import DedupSettings, dedup
from opencodeinstruct.tools.text.minhash import band_keys, meeting, signatures
from opencodeinstruct.tools.text.ngrams import WordHashes, jaccard, shingles
from opencodeinstruct.tools.text.words import tokens_of

LONG = (
    "Write a function that takes the list of parcels on a van and returns the order in which the"
    " driver should hand them over so that no parcel has to be moved twice during the whole tour"
)


def reasons(texts: list[str | None], **changes: float) -> list[str | None]:
    table = pa.table({"input": pa.array(texts, pa.string())})
    found = dedup(table, DedupSettings.model_validate(changes)).reasons
    return list(found.to_pylist())


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
    table = pa.table(
        {"id": ["a", "b", "c"], "input": [LONG, "Other", LONG.replace("tour", "trip")]}
    )
    verdicts = dedup(table, DedupSettings())
    assert verdicts.evidence is not None
    name, similarity = verdicts.evidence[2].as_py().split()
    hashes = WordHashes()
    one, other = (
        shingles(tokens_of(str(text)), "", 5, hashes) for text in table["input"].take([0, 2])
    )
    assert (name, similarity) == ("a", f"{jaccard(one, other):.3f}")


def test_a_chain_of_small_edits_does_not_become_one_row() -> None:
    words = [f"w{number}" for number in range(60)]
    chain = []
    for step in range(0, 60, 3):
        chain.append(" ".join([f"x{n}" for n in range(step)] + words[step:]))
    verdicts = reasons(list(chain))
    kept = [text for text, reason in zip(chain, verdicts, strict=True) if reason is None]
    assert len(kept) >= 4
    assert reasons(list(kept)) == [None] * len(kept)


def test_an_empty_table_and_an_absent_column_drop_nothing() -> None:
    empty = dedup(pa.table({"input": pa.array([], pa.string())}), DedupSettings())
    assert len(empty.reasons) == 0
    assert pa.types.is_dictionary(empty.reasons.type)
    absent = dedup(pa.table({"id": ["a", "b"]}), DedupSettings())
    assert absent.reasons.null_count == 2


def _edited(draw: random.Random, words: list[str]) -> list[str]:
    copy = list(words)
    for _ in range(draw.randrange(6)):
        copy[draw.randrange(len(copy))] = f"new{draw.randrange(1000)}"
    return copy


def test_verdicts_are_those_of_comparing_every_pair() -> None:
    draw = random.Random(3)
    bases = [[f"w{draw.randrange(400)}" for _ in range(80)] for _ in range(60)]
    texts = [" ".join(_edited(draw, base)) for base in bases for _ in range(4)]
    hashes = WordHashes()
    sets = [shingles(tokens_of(text), text, 5, hashes) for text in texts]
    kept: list[int] = []
    expected: list[bool] = []
    for number, own in enumerate(sets):
        alike = any(jaccard(sets[other], own) >= 0.7 for other in kept)
        expected.append(alike)
        if not alike:
            kept.append(number)
    found = [reason is not None for reason in reasons(list(texts))]
    wrong = sum(a != b for a, b in zip(found, expected, strict=True))
    assert sum(expected) > 50
    assert wrong <= 2  # 25 bands of 5 miss one pair in a hundred at exactly 0.7


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet="ab c", max_size=24), max_size=12), st.integers(1, 4))
def test_kept_rows_are_unlike_each_other_and_dropped_rows_like_a_kept_one(
    texts: list[str], size: int
) -> None:
    found = reasons(list(texts), ngram_words=size, bands=128, band_rows=1)
    hashes = WordHashes()
    sets = [shingles(tokens_of(t), " ".join(t.split()), size, hashes) for t in texts]
    kept = [n for n, reason in enumerate(found) if reason is None]
    for number, reason in enumerate(found):
        earlier = [other for other in kept if other < number]
        alike = any(jaccard(sets[other], sets[number]) >= 0.7 for other in earlier)
        assert alike == (reason is not None)


def test_the_result_does_not_depend_on_the_run_or_the_order_of_words_seen() -> None:
    texts: list[str | None] = [LONG, LONG.replace("tour", "trip"), "Else", "Something else"]
    assert reasons(texts) == reasons(texts)
    assert reasons(["Before", *texts])[1:] == reasons(texts)


def test_signatures_estimate_the_jaccard_similarity() -> None:
    draw = np.random.default_rng(0)
    pool = draw.integers(1, 2**63, 1500).astype(np.uint64)
    one, other = np.sort(pool[:1000]), np.sort(pool[500:])
    signed = signatures([one, other], 2000)
    assert abs(float((signed[0] == signed[1]).mean()) - jaccard(one, other)) < 0.04


def test_only_bands_that_meet_keep_their_key() -> None:
    signed = np.array([[1, 2, 3, 4], [1, 2, 9, 9], [7, 7, 7, 7]], np.uint64)
    keys = meeting(band_keys(signed, 2))
    assert keys[0, 0] == keys[1, 0] != 0
    assert keys[:, 1].tolist() == [0, 0, 0]
    assert keys[2].tolist() == [0, 0]
