"""Values as text: data and nothing else, to and from a process that is not to be trusted.

Not pickle, of no kind: what is read here can become a list, a date or an array of numbers, never a
call. `Encoder` and `Decoder` say what happens with values that are no data. JSON carries it, whose
reader in C bears any input. A container is an array with a tag before its items.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import json
import keyword
import struct
import sys
from _json import encode_basestring_ascii, make_encoder, make_scanner
from collections.abc import Callable
from typing import Any

MOST_BYTES = 64 << 20  # of one message
MOST_DEPTH = 100
MOST_ITEMS = 2_000_000  # of one value, all levels together
SMALL = 1 << 64  # an integer beyond this is written in base 16, which takes linear time
SCALARS = frozenset((type(None), bool, int, float, str))
PLAIN = frozenset((type(None), bool, float, str))
MUTABLE = frozenset(("l", "d", "s", "B", "od", "ct", "dd", "dq", "np", "t", "nt"))
LENGTH = struct.Struct("!I")
ZONES = datetime.timezone
writing = json.JSONEncoder(check_circular=False, separators=(",", ":"))
# What `encode` and `raw_decode` would call: memory that is not touched is not copied after a fork.
pieces = make_encoder(
    None, writing.default, encode_basestring_ascii, None, ":", ",", False, False, True
)
scan: Callable[[str, int], Any] = make_scanner(json.JSONDecoder())  # type: ignore[arg-type]


def dump(data: Any) -> str:
    """JSON of `data`, in ASCII."""
    return "".join(pieces(data, 0))


def parse(text: str) -> Any:
    """What JSON says, all of it; raises `ValueError`."""
    try:
        data, end = scan(text, 0)
    except StopIteration:
        raise ValueError("no value") from None
    if end != len(text):
        raise ValueError("more than one value")
    return data


class Unwritable(Exception):
    """A value is no data, or too much of it."""


class Unreadable(BaseException):
    """A message is not what an `Encoder` writes."""


class Encoder:
    """Writes values. `other` has those that are no data: what it returns is written instead."""

    def __init__(self, other: Callable[[Any], Any]) -> None:
        self.other, self.left = other, 0

    def text(self, value: Any) -> bytes:
        """`value` as a message; raises `Unwritable`."""
        self.left = MOST_ITEMS
        data = dump(self.value(value, MOST_DEPTH)).encode("ascii")
        if len(data) > MOST_BYTES:
            raise Unwritable
        return data

    def fresh(self, value: Any) -> Any:
        """`value` as JSON can hold it, counted by itself; raises `Unwritable`."""
        self.left = MOST_ITEMS
        return self.value(value, MOST_DEPTH)

    def value(self, value: Any, depth: int) -> Any:
        """`value` as JSON can hold it."""
        kind = type(value)
        if kind in PLAIN:
            return value
        if kind is int:
            return value if -SMALL < value < SMALL else ["i", hex(value)]
        if kind is list:
            return ["l", *self.items(value, depth)]
        if kind is tuple:
            return ["t", *self.items(value, depth)]
        write = WRITERS.get(kind)
        return self.other(value) if write is None else write(self, value, depth)

    def items(self, values: Any, depth: int) -> list[Any]:
        """Each of `values`."""
        found = list(values)
        self.left -= len(found)
        if depth <= 0 or self.left < 0:
            raise Unwritable
        kinds = set(map(type, found))
        if kinds <= PLAIN or (kinds <= SCALARS and small(found)):
            return found
        return [self.value(one, depth - 1) for one in found]

    def pairs(self, values: Any, depth: int) -> list[Any]:
        """Keys and values of a mapping, in turn."""
        flat: list[Any] = []
        for key in dict.__iter__(values):
            flat += (key, dict.__getitem__(values, key))
        return self.items(flat, depth)


def small(values: list[Any]) -> bool:
    """Whether no integer of plain `values` is large."""
    return all(type(one) is not int or -SMALL < one < SMALL for one in values)


def ordered(values: Any) -> list[Any]:
    """A set's members as they come."""
    return list(values)


def numbers_of(value: Any) -> Any:
    """A numpy array or scalar as its bytes; None for one of objects, and for all else."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, (numpy.ndarray, numpy.generic)):
        return None
    if value.dtype.hasobject or value.dtype.fields:
        return None
    if type(value) not in (numpy.ndarray, value.dtype.type):
        return None
    shape = [int(size) for size in value.shape]
    tag = "np" if isinstance(value, numpy.ndarray) else "ns"
    return [tag, value.dtype.str, ["l", *shape], numpy.asarray(value).tobytes().hex()]


def moment(value: Any) -> list[Any]:
    """The time zone of a moment: seconds from UTC, None without one; others cannot be written."""
    zone = value.tzinfo
    if zone is not None and type(zone) is not ZONES:
        raise Unwritable
    offset = None if zone is None else zone.utcoffset(None).total_seconds()
    return [offset, value.fold]


def dated(value: datetime.datetime) -> list[Any]:
    """The fields of a date with time."""
    date = [value.year, value.month, value.day, value.hour, value.minute, value.second]
    return ["dt", *date, value.microsecond, *moment(value)]


def timed(value: datetime.time) -> list[Any]:
    """The fields of a time of day."""
    fields = [value.hour, value.minute, value.second, value.microsecond]
    return ["tm", *fields, *moment(value)]


Writer = Callable[[Encoder, Any, int], Any]
WRITERS: dict[type, Writer] = {
    set: lambda to, it, depth: ["s", *to.items(ordered(it), depth)],
    frozenset: lambda to, it, depth: ["f", *to.items(ordered(it), depth)],
    dict: lambda to, it, depth: ["d", *to.pairs(it, depth)],
    bytes: lambda to, it, depth: ["b", it.hex()],
    bytearray: lambda to, it, depth: ["B", it.hex()],
    complex: lambda to, it, depth: ["c", it.real, it.imag],
    range: lambda to, it, depth: ["r", *to.items((it.start, it.stop, it.step), depth)],
    slice: lambda to, it, depth: ["sl", *to.items((it.start, it.stop, it.step), depth)],
    type(...): lambda to, it, depth: ["..."],
    type(NotImplemented): lambda to, it, depth: ["ni"],
    decimal.Decimal: lambda to, it, depth: ["D", str(it)],
    fractions.Fraction: lambda to, it, depth: [
        "F",
        *to.items((it.numerator, it.denominator), depth),
    ],
    datetime.date: lambda to, it, depth: ["da", it.year, it.month, it.day],
    datetime.datetime: lambda to, it, depth: dated(it),
    datetime.time: lambda to, it, depth: timed(it),
    datetime.timedelta: lambda to, it, depth: ["td", it.days, it.seconds, it.microseconds],
    collections.OrderedDict: lambda to, it, depth: ["od", *to.pairs(it, depth)],
    collections.Counter: lambda to, it, depth: ["ct", *to.pairs(it, depth)],
    collections.defaultdict: lambda to, it, depth: [
        "dd",
        getattr(it.default_factory, "__name__", None),
        *to.pairs(it, depth),
    ],
    collections.deque: lambda to, it, depth: ["dq", it.maxlen, *to.items(it, depth)],
    type({}.keys()): lambda to, it, depth: ["dk", *to.items(it, depth)],
    type({}.values()): lambda to, it, depth: ["dv", *to.items(it, depth)],
    type({}.items()): lambda to, it, depth: ["di", *to.items(it, depth)],
}


def is_data(value: Any) -> bool:
    """Whether a value is data, as far as one sees without looking into it."""
    return type(value) in SCALARS or type(value) in (list, tuple) or type(value) in WRITERS


class Decoder:
    """Reads values. `other` has the arrays whose tag is not one of data."""

    def __init__(self, other: Callable[[str, list[Any]], Any]) -> None:
        self.other = other

    def message(self, data: bytes) -> Any:
        """The JSON of a message; raises `Unreadable`."""
        try:
            return parse(data.decode("ascii"))
        except (ValueError, RecursionError) as error:
            raise Unreadable(str(error)[:100]) from None

    def value(self, data: Any, depth: int = MOST_DEPTH) -> Any:
        """The value that is written as `data`; raises `Unreadable`."""
        if type(data) is not list:
            return self.scalar(data)
        if not data or type(data[0]) is not str or depth <= 0:
            raise Unreadable("no tag")
        tag = data[0]
        read = READERS.get(tag)
        if read is None:
            return self.other(tag, data)
        return made(read, tag, data[1:] if tag in RAW else self.items(data[1:], depth))

    def scalar(self, data: Any) -> Any:
        """`data`, if it is a scalar."""
        if type(data) not in SCALARS:
            raise Unreadable("an object")
        return data

    def items(self, data: list[Any], depth: int) -> list[Any]:
        """The value of each of `data`."""
        if set(map(type, data)) <= SCALARS:
            return data
        return [self.value(one, depth - 1) for one in data]


def made(read: Callable[[list[Any]], Any], tag: str, items: list[Any]) -> Any:
    """What `read` makes of `items`; `Unreadable` where they do not fit."""
    try:
        return read(items)
    except (TypeError, ValueError, IndexError, ArithmeticError, AttributeError) as error:
        raise Unreadable(f"{tag}: {error}"[:100]) from None


def pairs(items: list[Any]) -> dict[Any, Any]:
    """Keys and values in turn as a dict."""
    return dict(zip(items[::2], items[1::2], strict=True))


def zone(offset: Any) -> datetime.timezone | None:
    """A fixed offset from UTC in seconds."""
    return None if offset is None else ZONES(datetime.timedelta(seconds=offset))


def named(items: list[Any]) -> Any:
    """A named tuple, of a class that is made here."""
    name, fields, values = items
    words = [name, *fields]
    if not all(type(word) is str and word.isidentifier() for word in words):
        raise ValueError("names")
    if any(keyword.iskeyword(word) for word in words):
        raise ValueError("names")
    return named_class(name, tuple(fields))(*values)


KNOWN: dict[Any, Any] = {}


def named_class(name: str, fields: tuple[str, ...]) -> Any:
    """The class of named tuples of that name and those fields; the same for the same."""
    key = (name, fields)
    if key not in KNOWN:
        KNOWN[key] = collections.namedtuple(name, fields)
    return KNOWN[key]


def forget_classes() -> None:
    """Forget the classes of named tuples."""
    KNOWN.clear()


def named_tuple(value: Any, encoder: Encoder) -> Any:
    """A named tuple that `named` made, as it was written; None for all else."""
    kind = type(value)
    fields = getattr(kind, "_fields", ())
    if not isinstance(value, tuple) or KNOWN.get((kind.__name__, fields)) is not kind:
        return None
    return ["nt", kind.__name__, ["l", *fields], ["l", *encoder.items(value, MOST_DEPTH)]]


def array(items: list[Any]) -> Any:
    """A numpy array, where this process has numpy."""
    kind, shape, data = items
    numpy = sys.modules["numpy"]
    if type(kind) is not str or "O" in kind:
        raise ValueError("objects")
    return numpy.frombuffer(bytes.fromhex(data), numpy.dtype(kind)).reshape(shape).copy()


FACTORIES: dict[Any, Any] = {
    one.__name__: one
    for one in (list, dict, set, int, str, float, tuple, bool, collections.Counter)
}
RAW = frozenset(("i", "b", "B"))
READERS: dict[str, Callable[[list[Any]], Any]] = {
    "i": lambda it: int(it[0], 16),
    "l": lambda it: it,
    "t": tuple,
    "s": set,
    "f": frozenset,
    "d": pairs,
    "b": lambda it: bytes.fromhex(it[0]),
    "B": lambda it: bytearray.fromhex(it[0]),
    "c": lambda it: complex(*it),
    "r": lambda it: range(*it),
    "sl": lambda it: slice(*it),
    "...": lambda it: ...,
    "ni": lambda it: NotImplemented,
    "D": lambda it: decimal.Decimal(it[0]),
    "F": lambda it: fractions.Fraction(*it),
    "da": lambda it: datetime.date(*it),
    "dt": lambda it: datetime.datetime(*it[:7]).replace(tzinfo=zone(it[7]), fold=it[8]),
    "tm": lambda it: datetime.time(*it[:4]).replace(tzinfo=zone(it[4]), fold=it[5]),
    "td": lambda it: datetime.timedelta(*it),
    "od": lambda it: collections.OrderedDict(pairs(it)),
    "ct": lambda it: collections.Counter(pairs(it)),
    "dd": lambda it: collections.defaultdict(FACTORIES.get(it[0]), pairs(it[1:])),
    "dq": lambda it: collections.deque(it[1:], it[0]),
    "dk": lambda it: dict.fromkeys(it).keys(),
    "dv": lambda it: dict(enumerate(it)).values(),
    "di": lambda it: dict(it).items(),
    "nt": named,
    "np": array,
    "ns": lambda it: array(it)[()],
}
