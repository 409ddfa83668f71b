"""Rules that a mutation adds to a problem: what is done before it, or with its result.

"Add a requirement about repeated elements" leaves to the model what is required, and a small one
writes what cannot be done. "An element of `values` that occurs again is used only the first time"
is clear of every function that takes a list: a rule is put before or behind a function, by the
types in its signature. The list is ours.
"""

import ast
import re
from collections.abc import Iterable, Iterator

from opencodeinstruct.tools.text.python_code import function_head

ON_ARGUMENTS = {
    "list": (
        "the first and the last element of `{name}` are left out before anything else",
        "elements of `{name}` at odd positions, counted from 0, are left out before anything else",
        "an element of `{name}` that occurs again is used only the first time",
        "elements of `{name}` that occur more than once are left out before anything else",
        "an element equal to the one just before it in `{name}` is left out before anything else",
        "a new argument `skip`, an integer, says how many elements at the beginning of `{name}` "
        "are left out",
        "a new argument `at_most`, an integer, says how many elements of `{name}` are used, from "
        "its beginning",
        "elements of `{name}` that are in a new argument `ignored`, a list, are left out before "
        "anything else",
    ),
    "numbers": (
        "negative numbers in `{name}` are left out before anything else",
        "each number in `{name}` is replaced by its absolute value before anything else",
        "`{name}` ends before its first 0: the 0 and all that comes after it are left out",
        "numbers in `{name}` larger than a new argument `limit` are left out before anything else",
        "numbers in `{name}` larger than a new argument `limit` count as `limit`",
        "each number in `{name}` is replaced by the sum of it and all numbers before it, before "
        "anything else",
        "only numbers in `{name}` larger than the one just before them are used; the first one "
        "always is",
        "only numbers in `{name}` that can be divided by a new argument `step` are used",
    ),
    "texts": (
        "strings in `{name}` shorter than a new argument `length` are left out before anything "
        "else",
        "blanks at both ends of each string in `{name}` are removed before anything else",
        "strings in `{name}` that hold a digit are left out before anything else",
        "all strings in `{name}` are put in lower case before anything else",
        "each string in `{name}` is cut to its first three characters before anything else",
    ),
    "str": (
        "`{name}` is put in lower case before anything else",
        "characters of `{name}` that are neither letters nor digits are removed before anything "
        "else",
        "digits in `{name}` are removed before anything else",
        "blanks at both ends of `{name}` are removed before anything else",
        "`{name}` is read backwards, from its last character to its first",
        "only the part of `{name}` before its first comma is used; all of it where there is no "
        "comma",
        "a character equal to the one just before it in `{name}` is left out before anything else",
        "a new argument `ignored`, a string, holds the characters that are left out of `{name}` "
        "before anything else",
        "`{name}` holds several parts separated by ';', and the result is a list with one result "
        "for each part, in their order",
    ),
    "number": (
        "`{name}` is replaced by its absolute value before anything else",
        "a new argument `offset` is added to `{name}` before anything else",
        "where `{name}` is larger than a new argument `limit`, `limit` is used instead",
        "where `{name}` is negative the result is None",
        "instead of `{name}` the function takes a list of such numbers, and it returns a list with "
        "one result for each of them, in order",
    ),
    "int": (
        "`{name}` is replaced by the sum of its decimal digits before anything else",
        "`{name}` is given as a string of decimal digits",
        "instead of `{name}` the function takes two integers `first` and `last`, and it returns a "
        "list with the result for every integer from `first` to `last`, both included",
    ),
    "dict": (
        "a new argument `ignored`, a list of keys, says which entries of `{name}` are left out",
        "a new argument `changes`, a dictionary, is merged into `{name}`, whose values it replaces "
        "where both have a key, before anything else",
    ),
    "amounts": (
        "entries of `{name}` whose value is 0 are left out before anything else",
        "entries of `{name}` whose value is smaller than a new argument `least` are left out "
        "before anything else",
    ),
}
"""What is done with an argument, by its kind."""

ON_RESULTS = {
    "list": (
        "the result is in reverse order",
        "an element that occurs again is in the result only the first time",
        "the result holds at most `limit` elements, the first ones; `limit` is a new argument",
        "the result is a list of (position, element) tuples, with positions counted from 0",
        "instead of the list the function returns a dictionary that says how often each of its "
        "elements occurs in it",
    ),
    "numbers": (
        "the result is sorted from the largest number to the smallest",
        "instead of the list the function returns the sum of its numbers, 0 where it is empty",
        "numbers that are not positive are left out of the result",
    ),
    "texts": (
        "the result is one string, in which the elements are joined by ', '",
        "the strings in the result are sorted by length, and those of one length alphabetically",
    ),
    "str": (
        "the result is in upper case",
        "the result is put in reverse order, its last character first",
        "the result is cut to its first `width` characters; `width` is a new argument",
        "a result shorter than a new argument `width` is filled up with '*' at its end",
        "each blank in the result is replaced by an underscore",
        "the function returns a tuple of the result and its length",
    ),
    "int": (
        "the function returns the remainder of the result when it is divided by a new argument "
        "`modulus`",
        "where the result would be 0, None is returned",
        "the result is returned as a string of binary digits, without a prefix",
        "the function returns a tuple of the result and whether it is even",
    ),
    "float": (
        "the result is rounded to two decimal places",
        "the result is rounded to `places` decimal places; `places` is a new argument",
        "the result is rounded down to an integer",
    ),
    "bool": (
        "the result is the string 'yes' instead of True and 'no' instead of False",
        "the result is turned round: True where it would be False, and False where it would be "
        "True",
    ),
    "dict": (
        "the result is a list of (key, value) tuples, sorted by key",
        "instead of the dictionary the function returns the list of its keys, sorted",
        "entries whose key is in a new argument `ignored`, a list, are left out of the result",
    ),
    "amounts": (
        "only the entries with the largest value stay in the result",
        "instead of the dictionary the function returns the sum of its values",
    ),
}
"""What is done with the result, by its kind."""

_NEW_ARGUMENT = re.compile(
    r"\ba new argument `(\w+)`|`(\w+)` is a new argument|\btakes two integers `(\w+)` and `(\w+)`"
)
_IN_QUOTES = re.compile(r"`\w+`")
_LONG_WORD = re.compile(r"[a-z]{4,}")
_STEM = 5  # letters
_COMMON_WORDS = """
anything argument before each else from function given instead left only result returned returns
says stay than that them this those used what where which with would
"""
_OF_EVERY_RULE = frozenset(_COMMON_WORDS.split())
_SEQUENCES = {"list", "Sequence", "Iterable", "List"}
_DICTIONARIES = {"dict", "Mapping", "Dict", "Counter"}
_NUMBERS = {"int", "float"}


def rules_for_arguments(signature: str | None) -> tuple[str, ...]:
    """The rules for each argument of `signature`, by its type, with its name.

    >>> rules_for_arguments("def area(side: float) -> float")[0]
    '`side` is replaced by its absolute value before anything else'
    """
    head = function_head(signature or "")
    if head is None:
        return ()
    return tuple(
        rule.format(name=argument.arg)
        for argument in head.args.args
        for kind in _kinds(argument.annotation)
        for rule in _free(ON_ARGUMENTS.get(kind, ()), head)
    )


def rules_for_result(signature: str | None) -> tuple[str, ...]:
    """The rules for the result of `signature`, by its type."""
    head = function_head(signature or "")
    if head is None:
        return ()
    kinds = _kinds(head.returns)
    return tuple(rule for kind in kinds for rule in _free(ON_RESULTS.get(kind, ()), head))


def new_arguments(change: str) -> tuple[str, ...]:
    """The names of the arguments that the rules in `change` bring in.

    >>> new_arguments("numbers in `values` larger than a new argument `limit` count as `limit`")
    ('limit',)
    """
    found = (name for match in _NEW_ARGUMENT.finditer(change) for name in match.groups() if name)
    return tuple(dict.fromkeys(found))


def is_forgotten(rule: str, parent: str, child: str) -> bool:
    """Whether `child` has no word of those, two at least, that `rule` adds to what `parent` says.

    By their first letters, so that "is reversed" tells of "reverse order".
    """
    words = set(_LONG_WORD.findall(_IN_QUOTES.sub("", rule))) - _OF_EVERY_RULE
    parent, child = parent.lower(), child.lower()
    new = [word[:_STEM] for word in words if word[:_STEM] not in parent]
    return len(new) > 1 and not any(stem in child for stem in new)


def _free(rules: Iterable[str], head: ast.FunctionDef) -> list[str]:
    """Those of `rules` that bring in no argument which `head` has already."""
    taken = {argument.arg for argument in head.args.args}
    return [rule for rule in rules if not taken & set(new_arguments(rule))]


def _kinds(annotation: ast.expr | None) -> Iterator[str]:
    """The kinds of rules that fit a type, the general one first."""
    name, inner = _taken_apart(annotation)
    if name in _SEQUENCES:
        yield "list"
        if inner and set(inner) <= _NUMBERS:
            yield "numbers"
        elif inner == ["str"]:
            yield "texts"
    elif name in _DICTIONARIES:
        yield "dict"
        if len(inner) == 2 and inner[1] in _NUMBERS:
            yield "amounts"
    elif name in ("int", "float"):
        yield "number"
        yield name
    elif name in ("str", "bool"):
        yield name


def _taken_apart(annotation: ast.expr | None) -> tuple[str, list[str]]:
    """The name of a type, and of the types in its brackets: `dict[str, int]`."""
    if isinstance(annotation, ast.Subscript):
        inner = annotation.slice
        parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        return ast.unparse(annotation.value).rpartition(".")[2], [ast.unparse(one) for one in parts]
    return (ast.unparse(annotation).rpartition(".")[2] if annotation is not None else ""), []
