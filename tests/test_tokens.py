"""Tokens and shingles, as the kernels make them."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opencodeinstruct.tools.text.shingles import ngrams, shingles
from opencodeinstruct.tools.text.tokens import tokens
from opencodeinstruct.tools.text.whole_texts import text_hashes


def written(text: str, *, operators: bool = True, split_case: bool = True) -> list[str]:
    """The tokens of `text` as they stand in it."""
    found = tokens(pa.array([text]), operators=operators, split_case=split_case)
    data = text.encode()
    return [data[a:b].decode() for a, b in zip(found.starts, found.ends, strict=True)]


def hashes(text: str | bytes) -> list[int]:
    kind = pa.binary() if isinstance(text, bytes) else pa.string()
    return [int(one) for one in tokens(pa.array([text], kind)).hashes]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Return the SUM", "Return the SUM"),
        ("getUserName get_user_name", "get User Name get user name"),
        ("HTTPServer parseURL IDs", "HTTP Server parse URL IDs"),
        ("base64Encode 0xFF v2", "base64 Encode 0x FF v2"),
        ("a - b, x*y, x ** 2, a+b", "a - b x * y x ** 2 a + b"),
        ("- a well-known *bold* **x**", "a well known bold x"),  # bullets, hyphens, Markdown
        ("x != y == z -> w!", "x != y == z -> w"),
        ("1.5e3", "1 5e3"),
        ("返回总和", "返 回 总 和"),  # no spaces: a token a character
        ("한국어", "한 국 어"),
        ("כתוב פונקציה", "כתוב פונקציה"),  # from right to left
        ("Straße café", "Straße café"),
        ("con\u200btam\u00adinate", "con\u200btam\u00adinate"),  # nothing is hidden
        ("\u200b \0 ...", ""),
        ("", ""),
    ],
)
def test_a_text_is_cut_into_what_a_reader_of_code_sees(text: str, expected: str) -> None:
    assert written(text) == expected.split()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Return The SUM", "return the sum"),
        ("getUserName", "GET_USER_NAME"),
        ("ＡＢＣ ｆ（ｘ）", "abc f(x)"),  # noqa: RUF001 full width
        ("café", "cafe\u0301"),
        ("o\u0323\u0302", "o\u0302\u0323"),  # marks in another order
        ("각", "\u1100\u1161\u11a8"),  # a syllable and its letters
        ("con\u200btaminate", "contaminate"),
        ("Straße", "STRASSE"),
        ("a\u00a0b", "a b"),
    ],
)
def test_what_reads_alike_has_equal_tokens(first: str, second: str) -> None:
    assert hashes(first) == hashes(second) != []


@pytest.mark.parametrize(
    ("first", "second"),
    [("a + b", "a - b"), ("x == y", "x != y"), ("to 5", "to 6"), ("日", "曰"), ("ab", "ba")],
)
def test_what_reads_differently_has_other_tokens(first: str, second: str) -> None:
    assert hashes(first) != hashes(second)


def test_operators_and_the_cuts_at_case_can_be_left_out() -> None:
    assert written("getName(a + b)", operators=False) == ["get", "Name", "a", "b"]
    assert written("getName(a + b)", split_case=False) == ["getName", "a", "+", "b"]


def test_bytes_that_are_no_text_separate() -> None:
    assert hashes(b"ab\xffcd \xef e \xed\xa0\x80 f\xf4\x90\x80\x80") == hashes("ab cd e f")
    assert hashes(b"ab\xe4\xb8") == hashes("ab")


COLUMN = ["getName", None, "", "返回 a", "x" * 3, None]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(COLUMN),
        pa.array(COLUMN, pa.large_string()),
        pa.array(COLUMN, pa.string_view()),
        pa.array(COLUMN).dictionary_encode(),
        pa.array(COLUMN).cast(pa.binary()),
        pa.array(["before", *COLUMN, "after"]).slice(1, 6),
        pa.chunked_array([COLUMN[:2], [], COLUMN[2:]], pa.string()),
    ],
    ids=["string", "large", "view", "dictionary", "binary", "slice", "chunks"],
)
def test_every_form_of_a_column_gives_the_same_tokens(column: pa.Array) -> None:
    found = tokens(column)
    assert found.offsets.tolist() == [0, 2, 2, 2, 5, 6, 6]
    assert found.hashes.tolist() == [one for text in COLUMN if text for one in hashes(text)]
    assert text_hashes(column).tolist()[4] == int(text_hashes(pa.array(["XXX"]))[0])


def test_columns_without_text_have_no_tokens() -> None:
    for column in (pa.nulls(3), pa.array([], pa.string()), pa.chunked_array([], pa.string())):
        assert tokens(column).offsets.tolist() == [0] * (len(column) + 1)


def test_a_row_of_ten_megabytes_is_one_row() -> None:
    found = tokens(pa.array(["a", "word " * 2_000_000, "b"]))
    assert found.offsets.tolist() == [0, 1, 2_000_001, 2_000_002]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text()), max_size=6))
def test_a_token_cut_out_of_its_row_is_that_token(texts: list[str | None]) -> None:
    found = tokens(pa.array(texts, pa.string()))
    for row, text in enumerate(texts):
        data = (text or "").encode()
        own = range(found.offsets[row], found.offsets[row + 1])
        spans = [(int(found.starts[n]), int(found.ends[n])) for n in own]
        assert spans == sorted(spans)
        for n, (start, end) in zip(own, spans, strict=True):
            assert int(found.hashes[n]) in hashes(data[start:end].decode()) or end - start == 1


ASCII = st.text(st.sampled_from([*map(chr, range(128)), *"aAbBzZ09 _+=!\n"]), max_size=40)


@settings(max_examples=500, deadline=None)
@given(ASCII, st.booleans(), st.booleans())
def test_ascii_is_cut_as_any_text_is(text: str, operators: bool, split_case: bool) -> None:
    """Separators that are no ASCII make all of a text one stretch that is not."""
    text = text.translate(dict.fromkeys(map(ord, "-*")))  # they look at the spaces around
    apart = {n: "\u00b7" for n in range(128) if not chr(n).isalnum() and chr(n) not in "+/%<>=!&|^"}
    both = pa.array([text, text.translate(apart) + "\u00b7"])
    found = tokens(both, operators=operators, split_case=split_case)
    half = int(found.offsets[1])
    assert found.hashes[:half].tolist() == found.hashes[half:].tolist()


@settings(max_examples=300, deadline=None)
@given(ASCII)
def test_ascii_is_hashed_as_any_text_is(text: str) -> None:
    other = "".join("\u00a0" if one.isspace() else one for one in text)
    assert len(set(text_hashes(pa.array([text, other, f"{text}\u200b"])).tolist())) == 1


@settings(max_examples=300, deadline=None)
@given(ASCII, ASCII)
def test_what_stands_around_changes_no_token(before: str, after: str) -> None:
    whole = hashes(f"{before}\n\u00e9 {after}")
    assert whole == [*hashes(f"{before}\n"), *hashes("\u00e9"), *hashes(f" {after}")]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from("abcd"), max_size=12), st.integers(1, 5))
def test_equal_runs_of_tokens_have_equal_hashes_and_only_they(words: list[str], size: int) -> None:
    runs = [tuple(words[n : n + size]) for n in range(len(words) - size + 1)]
    found = ngrams(tokens(pa.array(["z", " ".join(words)])), size)
    own = found.hashes[found.offsets[1] :].tolist()
    assert len(own) == len(runs)
    assert len(set(zip(runs, own, strict=True))) == len(set(runs)) == len(set(own))


def test_a_short_text_is_one_shingle_and_equals_only_itself() -> None:
    found = shingles(pa.array(["Sum it", "SUM  it", "sum it!", None, "", "a b c d e f"]), 5)
    sets = [
        found.hashes[a:b].tolist()
        for a, b in zip(found.offsets[:-1], found.offsets[1:], strict=True)
    ]
    assert sets[0] == sets[1] != sets[2]
    assert [len(one) for one in sets] == [1, 1, 1, 0, 1, 2]
