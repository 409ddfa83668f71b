"""What the operators draw on, so that a model is pushed somewhere instead of repeating itself.

A mutation is told which aspect of the problem to change, a crossover which subject to use. Both
lists are ours; a draw is seeded, so that a run repeats.
"""

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

ASPECTS = (
    "ties between equal results",
    "negative numbers",
    "repeated elements",
    "upper and lower case",
    "an upper limit given as another argument",
    "the order of the result",
    "positions instead of values",
    "elements that must be skipped",
    "how many times something occurs",
    "neighbouring elements",
    "the first and the last element",
    "a second list of the same length",
    "a default value for missing items",
    "elements at even positions only",
    "numbers that are multiples of an argument",
    "a running total",
    "the longest stretch of equal elements",
    "words shorter than a given length",
    "digits inside a text",
    "pairs of elements with a given difference",
    "a dictionary of counts as the result",
    "values that are out of range",
    "going round from the end to the beginning",
    "grouping by the first letter",
)

SUBJECTS = (
    "the loans of a library",
    "temperatures of a week",
    "seats in a theatre",
    "ingredients of a recipe",
    "stops of a bus line",
    "scores of a quiz",
    "parcels on a shelf",
    "pages of a diary",
    "plants in a garden",
    "chess moves",
    "notes of a melody",
    "prices at a market",
    "runners in a race",
    "tides at a harbour",
    "floors of a lift",
    "letters of a secret message",
    "rows of a knitting pattern",
    "votes in an election",
    "clouds on a map",
    "fuel of a lorry",
    "sentences of a story",
    "tiles on a floor",
    "watts of a solar panel",
    "fish in a pond",
)
