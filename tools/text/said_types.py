"""Whether a problem and its signature agree on the types of the result and the arguments.

A small model that changes a problem often changes the one and forgets the other: "returns a
dictionary ... The result is a bytes object" above `-> dict`, or a list that nobody speaks of.
"""

import ast
import re

from opencodeinstruct.tools.text.python_code import Signature, function_head

_WORDS = {
    "list": "list",
    "array": "list",
    "tuple": "tuple",
    "pair": "tuple",
    "dictionary": "dict",
    "dict": "dict",
    "mapping": "dict",
    "set": "set",
    "string": "str",
    "integer": "int",
    "float": "float",
    "boolean": "bool",
    "bytes": "bytes",
}
_KNOWN = {*_WORDS.values(), "None"}
_MUST_BE_SAID = {
    "dict": re.compile(r"\b(?:dict|dictionar|map|key|json|counter)", re.IGNORECASE),
    "set": re.compile(r"\b(?:set|distinct|unique|different)", re.IGNORECASE),
}
_TYPE = rf"(?P<type>{'|'.join(_WORDS)})\b(?! of characters)(?!['\u2019])"
_RETURNS = re.compile(
    rf"\b(?:returns?|gives?(?: back)?|yields?)\s+(?:an?|one)\s+(?:[a-z-]+\s+){{0,2}}?{_TYPE}",
    re.IGNORECASE,
)
_RESULT_IS = re.compile(
    r"\b(?:result|output|returned value|return value)\s+(?:should|must|shall|will)\s+be\s+"
    rf"(?:an?|one)\s+(?:[a-z-]+\s+){{0,2}}?{_TYPE}",
    re.IGNORECASE,
)
# "Returns how often each word occurs": as many numbers as there are words.
_ONE_FOR_EACH = re.compile(
    r"\breturns?\s+(?:the\s+)?(?:number of times|how (?:many times|often)|counts? of) "
    r"(?:each|every)\b",
    re.IGNORECASE,
)
_SINGLE = {"int", "float", "bool"}
# "..., 0 where there are none" of a greeting, from a text about numbers; not of "'0' if"
_A_NUMBER = re.compile(
    r"(?:,|\b(?:and|or|returns?|gives?))\s+-?\d+ (?:where|if|when)\b", re.IGNORECASE
)
_OF_NUMBERS = re.compile(
    r"\b(?:numbers?|numerals?|integers?|digits?|counts?|sums?|totals?|how many|binary|decimal)\b",
    re.IGNORECASE,
)
_ARGUMENT_IS = re.compile(
    rf"\b(?:an?|one)\s+(?:[a-z-]+\s+){{0,2}}?{_TYPE}\s+`(?P<name>\w+)`", re.IGNORECASE
)
_ALIKE = ({"list", "tuple"}, {"int", "float"})  # said of each other without harm
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n")
_EMPTY = re.compile(
    r"\b(?:(?P<before>\w+) )?(?:(?:an|a|the) )?"
    r"empty (?P<type>list|array|string|dictionary|dict|tuple|set)s?\b",
    re.IGNORECASE,
)
_GIVES = re.compile(r"\s+(?:gives|returns|yields|results in|should return|must return)\b")
_NEVER_EMPTY = {"int", "float", "bool", "complex", "object", "Fraction", "Decimal"}
_COMES_BACK = {"return", "returns", "give", "gives", "yield", "yields", "be", "is", "as"}


def result_differs(problem: str, signature: Signature) -> str | None:
    """What `problem` says of the result that its `signature` denies; None where they agree."""
    types = _types(signature)
    if not types:
        return None
    for match in _RESULT_IS.finditer(problem):
        if _WORDS[match["type"].lower()] not in types:
            return match[0]
    said = list(_RETURNS.finditer(problem))
    if said and not {_WORDS[match["type"].lower()] for match in said} & types:
        return said[0][0]
    for name, words in _MUST_BE_SAID.items():
        if types == {name} and words.search(problem) is None:
            return f"nothing of the {name} that is returned"
    return _number_differs(problem, types)


def _number_differs(problem: str, types: set[str]) -> str | None:
    """Where `problem` gives one number for many things, or a number for a text."""
    one_for_each = _ONE_FOR_EACH.search(problem)
    if one_for_each is not None and types <= _SINGLE:
        return one_for_each[0]
    number = _A_NUMBER.search(problem)
    if number is not None and types == {"str"} and _OF_NUMBERS.search(problem) is None:
        return number[0].lstrip(", ")
    return None


def argument_differs(problem: str, signature: Signature) -> str | None:
    """What `problem` says an argument is that its `signature` denies; None where they agree.

    "A string `words`" above `words: list[str]`. Who names both types in one sentence may well mean
    it ("a string `n` that holds an integer"), and lists and tuples are said of each other.
    """
    function = function_head(signature.text)
    if function is None:
        return None
    types = {argument.arg: _plain(argument.annotation) for argument in _named(function)}
    for sentence in _SENTENCE.split(problem):
        said = {_WORDS[word] for word in re.findall(r"[a-z]+", sentence.lower()) if word in _WORDS}
        for match in _ARGUMENT_IS.finditer(sentence):
            known, told = types.get(match["name"]), _WORDS[match["type"].lower()]
            alike = next((pair for pair in _ALIKE if told in pair), {told})
            if known and not known & (alike | said):
                return match[0]
    return None


def _named(function: ast.FunctionDef) -> list[ast.arg]:
    """The arguments that are no `*args` and no `**kwargs`."""
    arguments = function.args
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]


def _types(signature: Signature) -> set[str]:
    """The types of the result, without what is in them; empty where one is not a plain one."""
    function = function_head(signature.text)
    return _plain(function.returns) if function is not None else set()


def _plain(annotation: ast.expr | None) -> set[str]:
    """The types that `annotation` allows, without what is in them; empty if one is no plain one."""
    if annotation is None:
        return set()
    found = {_WORDS.get(name, name) for name in _names(annotation)}
    return found if found <= _KNOWN else set()


def _names(node: ast.expr) -> list[str]:
    match node:
        case ast.BinOp(left, ast.BitOr(), right):
            return [*_names(left), *_names(right)]
        case ast.Subscript(ast.Name("Optional"), inner):
            return [*_names(inner), "None"]
        case ast.Subscript(ast.Name("Union"), ast.Tuple(elements)):
            return [name for element in elements for name in _names(element)]
        case ast.Subscript(ast.Name(name), _) | ast.Name(name):
            return [name.lower()]
        case ast.Constant(None):
            return ["None"]
        case _:
            return ["?"]


def empty_of_nothing(problem: str, signature: Signature) -> str | None:
    """What `problem` says of an empty argument where no argument can be one; None where one can.

    "An empty list gives 0." of a function that takes an integer, "an empty distance" of a float: a
    habit of small models. Types only where all arguments have plain ones; a result that is of the
    type counts as well.
    """
    function = function_head(signature.text)
    if function is None:
        return None
    arguments, given = function.args, _named(function)
    numbers = "|".join(
        re.escape(argument.arg)
        for argument in given
        if isinstance(argument.annotation, ast.Name) and argument.annotation.id in _NEVER_EMPTY
    )
    by_name = re.search(rf"\bempty `?(?:{numbers})\b", problem, re.IGNORECASE) if numbers else None
    if by_name is not None:
        return by_name[0]
    notes = [argument.annotation for argument in given]
    if arguments.vararg or arguments.kwarg or any(note is None for note in notes):
        return None
    come_in = _types_in(*notes)
    types = come_in | _types_in(function.returns)
    if not types <= _KNOWN:
        return None
    for match in _EMPTY.finditer(problem):
        comes_in = (match["before"] or "").lower() not in _COMES_BACK
        if match["type"] in {argument.arg for argument in given}:
            continue  # a `dictionary` may well be a string
        gives = _GIVES.match(problem, match.end()) is not None  # so it is no result
        if comes_in and _WORDS[match["type"].lower()] not in (come_in if gives else types):
            return match[0]
    return None


def _types_in(*notes: ast.expr | None) -> set[str]:
    """All plain types in `notes`, annotations."""
    parts = (part for note in notes if note is not None for part in ast.walk(note))
    names = {part.id.lower() for part in parts if isinstance(part, ast.Name)}
    return {_WORDS.get(name, name) for name in names} - {"optional", "union"}
