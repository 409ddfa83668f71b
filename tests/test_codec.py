"""The codec between two processes: data comes back as it was, and nothing else can be sent."""

import collections
import datetime
import decimal
import fractions
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencodeinstruct.tools.sandbox.inside.codec import (
    MOST_BYTES,
    Decoder,
    Encoder,
    Unreadable,
    Unwritable,
)
from opencodeinstruct.tools.sandbox.inside.names import found, name_of, shared
from opencodeinstruct.tools.sandbox.inside.renewal import merge


def refuse(value: Any) -> Any:
    raise Unwritable


def unknown(tag: str, data: list[Any]) -> Any:
    raise Unreadable(tag)


def through(value: Any) -> Any:
    """`value` written and read."""
    decoder = Decoder(unknown)
    return decoder.value(decoder.message(Encoder(refuse).text(value)))


hashable = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False)
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.dates()
    | st.datetimes(timezones=st.none() | st.just(datetime.UTC))
    | st.times()
    | st.timedeltas(),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=4,
)
values = st.recursive(
    hashable | st.binary().map(bytearray),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.sets(hashable, max_size=4)
        | st.dictionaries(hashable, inner, max_size=3)
        | st.dictionaries(hashable, inner, max_size=3).map(collections.OrderedDict)
        | st.lists(inner, max_size=3).map(collections.deque)
        | st.lists(hashable, max_size=4).map(collections.Counter)
    ),
    max_leaves=8,
)


@given(values)
def test_data_comes_back_equal_and_of_the_same_type(value: Any) -> None:
    back = through(value)
    assert back == value
    assert type(back) is type(value)


SPECIAL_CASES = [
    ("a large integer", -(2**70)),
    ("infinity", math.inf),
    ("minus zero", -0.0),
    ("a lone surrogate", "\ud800"),
    ("a NUL", "\0"),
    ("true is not one", [True, 1, 1.0]),
    ("a range", range(1, 10, 3)),
    ("a range of large numbers", range(2**80, 2**80 + 2)),
    ("dots", ...),
    ("a nested empty", [[], (), {}, set()]),
    (
        "a zone",
        datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
    ),
    ("trailing zeros", decimal.Decimal("1.500")),
    ("a fraction", fractions.Fraction(-1, 3)),
]


@pytest.mark.parametrize("value", [pytest.param(value, id=why) for why, value in SPECIAL_CASES])
def test_odd_data_comes_back_too(value: Any) -> None:
    back = through(value)
    assert (type(back), repr(back)) == (type(value), repr(value))


def test_an_integer_of_more_digits_than_python_reads_comes_back() -> None:
    assert through([10**5000, -(10**5000)]) == [10**5000, -(10**5000)]


def test_nan_comes_back_as_nan() -> None:
    assert math.isnan(through(math.nan))


def cyclic() -> Any:
    ring: list[Any] = []
    ring.append(ring)
    return ring


def deep() -> Any:
    value: list[Any] = []
    for _ in range(10_000):
        value = [value]
    return value


TOO_MUCH_CASES = [
    ("a list in itself", cyclic()),
    ("a list too deep", deep()),
    ("a function", print),
    ("an object", object()),
    ("a list too long", [0] * 3_000_000),
    ("a text too long", "x" * (MOST_BYTES + 1)),
    ("a list that holds an object", [object()]),
]


@pytest.mark.parametrize("value", [pytest.param(value, id=why) for why, value in TOO_MUCH_CASES])
def test_what_is_no_data_or_too_much_is_refused(value: Any) -> None:
    with pytest.raises(Unwritable):
        Encoder(refuse).text(value)


FORGED_CASES = [
    ("no JSON", b"{"),
    ("not ASCII", b"\xff"),
    ("an object", b'{"a": 1}'),
    ("an array without a tag", b"[]"),
    ("a tag that is no text", b"[1, 2]"),
    ("an unknown tag", b'["pickle", "x"]'),
    ("an odd dict", b'["d", 1]'),
    ("a list as a key", b'["d", ["l"], 1]'),
    ("a named tuple with code for a name", b'["nt", "x; import os", ["l", "a"], ["l", 1]]'),
    ("a named tuple with a keyword", b'["nt", "A", ["l", "class"], ["l", 1]]'),
    ("numbers that are none", b'["i", "xyz"]'),
    ("a date that is none", b'["da", 2020, 13, 1]'),
    ("an array of objects", b'["np", "|O", ["l", 1], "00"]'),
    ("very deep", b"[" * 100_000 + b"]" * 100_000),
    ("deep with tags", b'["l", ' * 200 + b"1" + b"]" * 200),
    ("a list of raw objects", b'["l", {"a": 1}]'),
]


@pytest.mark.parametrize("data", [pytest.param(data, id=reason) for reason, data in FORGED_CASES])
def test_forged_messages_are_refused_and_nothing_else(data: bytes) -> None:
    decoder = Decoder(unknown)
    with pytest.raises(Unreadable):
        decoder.value(decoder.message(data))


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
        | st.builds(
            lambda tag, rest: [tag, *rest],
            st.sampled_from(["l", "t", "s", "d", "i", "D", "dt", "td", "dq", "nt", "r", "c", "b"]),
            st.lists(inner, max_size=4),
        )
    ),
    max_leaves=12,
)


@given(json_like)
def test_any_message_is_data_or_refused(data: Any) -> None:
    try:
        Decoder(unknown).value(data)
    except Unreadable:
        return


NAME_CASES = [
    ("a built-in type", int, True),
    ("a built-in function", sorted, True),
    ("a method of a type", str.upper, True),
    ("a function of a module", math.gcd, True),
    ("a class of a module", collections.Counter, True),
    ("a module", math, True),
    ("what can run code", eval, False),
    ("what opens files", open, False),
    ("what sets attributes", setattr, False),
    ("a module that acts", pytest, False),
    ("a function of ours", through, False),
]


@pytest.mark.parametrize(
    ("value", "known"), [pytest.param(*case, id=reason) for reason, *case in NAME_CASES]
)
def test_only_harmless_names_of_the_standard_library_are_shared(value: Any, known: bool) -> None:
    name = name_of(value)
    assert (name is not None) == known
    if name is not None:
        assert shared(name[0], name) is value


def test_a_name_that_is_asked_for_is_checked_again() -> None:
    assert found("builtins", "eval") is None
    assert found("os", "system") is None
    assert found("collections", "namedtuple", "__globals__") is None
    assert found("functools", "_lru_cache_wrapper") is None
    for data in (["g", "os", "system"], ["m", "subprocess"], ["g"], ["g", 1], ["m", None]):
        with pytest.raises(Unreadable):
            shared(data[0], data)  # type: ignore[arg-type]


@given(values, values)
def test_an_object_that_is_brought_up_to_date_equals_the_new_one(old: Any, new: Any) -> None:
    assert merge(old, new) == new
