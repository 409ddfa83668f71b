"""What the operators draw on, so that a model is pushed somewhere instead of repeating itself.

A mutation is told a rule that fits the signature (`rules`), or which aspect of the problem to
change, one that its arguments have: a small model that shall change "neighbouring elements" of a
year writes nonsense. A crossover is told which subject to use, and in which form it is given, which
a small model leaves open. The lists are ours; a draw is seeded, so that a run repeats.
"""

import re
from random import Random
from typing import Literal

from opencodeinstruct.tools.stages.rules import rules_for_arguments, rules_for_result

Hints = Literal["rules", "aspects"]
"""What a mutation is told: a rule to add, word for word, or an aspect to think of."""

MUTATIONS = {
    "add-constraint": "add one new requirement of about ten words about {aspect}.",
    "rare-requirement": (
        "replace one common requirement by a rarer, more specific one about {aspect}."
    ),
    "more-reasoning": "make it need one more step of reasoning, which has to do with {aspect}.",
    "misleading-code": (
        "after the whole problem show a short piece of plausible Python code that gets {aspect} "
        "wrong, and say that it is wrong."
    ),
    "tighter-complexity": (
        "demand a better time or space complexity, say which, and let the input be very long; "
        "mind {aspect}."
    ),
}
"""The five mutations of Evol-Instruct for code (WizardCoder, arXiv 2306.08568), in substance."""

_RULED = {
    "add-constraint": "add this rule: {rule}.",
    "rare-requirement": "put this rare requirement in place of a common one: {rule}.",
    "more-reasoning": "make it need one more step: {rule}.",
}
_TWO_STEPS = "make it need two more steps. First, {first}. Then, {then}."
_TOLD = [
    re.compile(re.sub(r"\\\{\w+\\\}", "(.+)", re.escape(template)))
    for template in (*_RULED.values(), _TWO_STEPS)
]
_ORDERS = tuple(
    re.split(r"[:.{]", template.lower())[0].strip()
    for template in (*MUTATIONS.values(), *_RULED.values(), _TWO_STEPS)
)

TOPICS = (
    "strings",
    "parsing",
    "arithmetic",
    "number theory",
    "geometry",
    "dates and times",
    "lists",
    "sorting and searching",
    "counting",
    "grids",
    "graphs and trees",
    "sets and mappings",
    "simulation",
    "games and puzzles",
    "encoding",
    "other",
)
"""What a question can be about, unless a recipe says otherwise; the list is ours."""

_LISTS = (
    "ties between equal results",
    "repeated elements",
    "the order of the result",
    "positions instead of values",
    "elements that must be skipped",
    "how many times something occurs",
    "neighbouring elements",
    "the first and the last element",
    "a second list of the same length",
    "elements at even positions only",
    "a running total",
    "the longest stretch of equal elements",
    "pairs of elements with a given difference",
    "a dictionary of counts as the result",
    "going round from the end to the beginning",
    "at most a given number of elements",
    "elements that are larger than the one before",
    "elements that occur only once",
    "groups of a given size",
)
_TEXTS = (
    "upper and lower case",
    "words shorter than a given length",
    "digits inside a text",
    "grouping by the first letter",
    "the longest word",
    "words that occur more than once",
    "spaces at both ends",
    "vowels",
    "letters that stand next to each other twice",
    "the position of the first match",
    "a separator given as another argument",
    "characters that are neither letters nor digits",
    "the order of the words",
    "a dictionary of letters as the result",
)
_NUMBERS = (
    "negative numbers",
    "an upper limit given as another argument",
    "numbers that are multiples of an argument",
    "values that are out of range",
    "the digits of a number",
    "the remainder of a division",
    "rounding to a given number of decimal places",
    "zero",
    "odd and even numbers",
    "the smallest number for which it holds",
)
_MAPPINGS = (
    "a default value for missing items",
    "ties between equal values",
    "keys whose value is 0",
    "the order of the result, by value and then by key",
    "keys and values exchanged",
    "a second dictionary with some of the same keys",
    "the key with the largest value",
    "values below a limit given as another argument",
)
ASPECTS = tuple(dict.fromkeys((*_LISTS, *_TEXTS, *_NUMBERS, *_MAPPINGS)))

_BY_TYPE = (
    (re.compile(r"\b(?:list|tuple|set|frozenset|sequence|iterable|iterator)\b", re.I), _LISTS),
    (re.compile(r"\b(?:str|bytes)\b", re.I), _TEXTS),
    (re.compile(r"\b(?:int|float|fraction|decimal)\b", re.I), _NUMBERS),
    (re.compile(r"\b(?:dict|mapping|counter)\b", re.I), _MAPPINGS),
)


def aspects_of(signature: str | None) -> tuple[str, ...]:
    """The aspects that the arguments in `signature` have; all where it names no such type.

    >>> aspects_of("def leap_year(year: int) -> bool") == _NUMBERS
    True
    """
    arguments = (signature or "").partition("->")[0]
    found = [aspects for types, aspects in _BY_TYPE if types.search(arguments)]
    return tuple(dict.fromkeys(aspect for aspects in found for aspect in aspects)) or ASPECTS


def change_of(operation: str, signature: str | None, hints: Hints, random: Random) -> str:
    """What the mutation `operation` of a problem is to change, in words.

    A program has no signature, and what is shown of wrong code or of speed is no rule: these are
    told an aspect whatever the `hints`.
    """
    before, after = rules_for_arguments(signature), rules_for_result(signature)
    if hints == "rules" and operation in _RULED and (before or after):
        steps = [rule for rule in before if "list with" not in rule]  # of many results what then?
        if operation == "more-reasoning" and steps and after:
            first = random.choice(steps).removesuffix(" before anything else")
            return _TWO_STEPS.format(first=first, then=random.choice(after))
        return _RULED[operation].format(rule=random.choice((*before, *after)))
    return MUTATIONS[operation].format(aspect=random.choice(aspects_of(signature)))


def rules_in(change: str) -> tuple[str, ...]:
    """The rules that `change_of` told, word for word; none where it told an aspect.

    >>> rules_in("add this rule: the result is in reverse order.")
    ('the result is in reverse order',)
    """
    found = (pattern.fullmatch(change) for pattern in _TOLD)
    return next((match.groups() for match in found if match is not None), ())


def repeats_the_order(problem: str) -> bool:
    """Whether `problem` holds the words that told its author to change an older one.

    >>> repeats_the_order("Add this rule: the result is in reverse order.")
    True
    """
    told = " ".join(problem.lower().split())
    return any(order in told for order in _ORDERS)


SUBJECTS = {
    "the loans of a library": ("a list of (title, days) tuples", "a dictionary of days by title"),
    "temperatures of a week": ("a list of seven floats", "a dictionary of floats by weekday"),
    "seats in a theatre": ("a list of strings, 'x' for a taken seat and '.' for a free one",),
    "ingredients of a recipe": ("a dictionary of grams by name", "a list of names"),
    "stops of a bus line": ("a list of names in order", "a list of (name, minute) tuples"),
    "scores of a quiz": ("a list of integers", "a dictionary of points by player"),
    "parcels on a shelf": ("a list of weights in grams", "a list of (label, weight) tuples"),
    "pages of a diary": ("a list of strings", "a dictionary of texts by 'YYYY-MM-DD'"),
    "plants in a garden": ("a list of (name, height) tuples", "a list of names"),
    "moves of a robot": ("a string of the letters U, D, L and R", "a list of (dx, dy) tuples"),
    "notes of a melody": ("a list of names", "a list of (name, beats) tuples"),
    "prices at a market": ("a list of cents", "a dictionary of cents by item"),
    "runners in a race": ("a list of (name, seconds) tuples", "a list of names as they arrive"),
    "heights of the tide": ("a list of centimetres, one for each hour",),
    "floors that a lift visits": ("a list of integers", "a string of the letters U and D"),
    "letters of a secret message": ("a string of lower-case letters and spaces",),
    "rows of a knitting pattern": ("a list of strings made of 'k' and 'p'",),
    "votes in an election": ("a list of names, one for each vote", "a dictionary of votes by name"),
    "trees on a map": ("a list of strings made of '#' and '.'", "a list of (row, column) tuples"),
    "fuel of a lorry": ("a list of litres, one after each stop",),
    "sentences of a story": ("a string", "a list of strings"),
    "tiles on a floor": ("a list of lists of colours", "a list of lists of 0 and 1"),
    "watts of a solar panel": ("a list of integers, one for each hour",),
    "fish in a pond": ("a list of ages in days", "a dictionary of numbers by kind"),
    "cards in a hand": ("a list of strings such as '7H'", "a list of (rank, suit) tuples"),
    "coins in a purse": ("a list of cents", "a dictionary of numbers by cents"),
    "messages in an inbox": ("a list of (sender, text) tuples", "a list of strings"),
    "files in a folder": ("a dictionary of bytes by name", "a list of names with endings"),
    "lines of a log": ("a list of strings such as '12:05 error disk'",),
    "rooms of a hotel": ("a dictionary of guests by room number",),
    "appointments of a day": ("a list of (begin, end) tuples in minutes",),
    "steps of a walker": ("a list of integers, one for each day", "a dictionary of steps by date"),
    "books in a shop": ("a list of (title, pages) tuples", "a list of titles"),
    "friends in a group": ("a list of (name, name) tuples", "a dictionary of lists by name"),
    "boxes in a store": ("a list of (length, width, height) tuples",),
    "words of a dictionary": ("a list of words", "a string of words separated by spaces"),
    "cars in a car park": ("a list of number plates, with None for a free place",),
    "marks of a class": ("a dictionary of lists of integers by name", "a list of integers"),
    "orders of a customer": ("a list of (item, quantity, price) tuples",),
    "points on a plane": ("a list of (x, y) tuples",),
    "tasks of a project": ("a dictionary of days by task", "a list of (task, days) tuples"),
    "bits of a signal": ("a string of 0 and 1", "a list of 0 and 1"),
    "versions of a program": ("a list of strings such as '1.10.2'",),
    "turns of a dial": ("a list of integers, positive to the right",),
    "rain of a month": ("a list of millimetres, one for each day",),
    "trains at a station": ("a list of (arrival, departure) tuples in minutes",),
    "balances of an account": ("a list of amounts paid in and, negative, paid out",),
    "colours of a beaded string": ("a string of letters, one for each bead",),
}
"""What a crossover is about, and in which forms a function is given it."""


def subject_of(contract: str, random: Random) -> str:
    """A subject; for a function with its form, which a program's input says itself."""
    subject = random.choice(tuple(SUBJECTS))
    form = random.choice(SUBJECTS[subject])
    return subject if contract == "stdio" else f"{subject}, given as {form}"
