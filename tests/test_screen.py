"""What a newborn question must not be: faulty, a copy, a paraphrase, near to one alive, known."""

import random

import pytest

from opencodeinstruct.tools.outcome import Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.ports import content_id
from opencodeinstruct.tools.stages.clean import CleanSettings, clean
from opencodeinstruct.tools.stages.decontaminate import (
    DecontaminateSettings,
    decontaminate,
    survey,
)
from opencodeinstruct.tools.stages.screen import (
    Decide,
    Living,
    ScreenSettings,
    new_words,
    screen,
)
from opencodeinstruct.tools.text.benchmark import Benchmark, Item
from opencodeinstruct.tools.text.benchmark_index import index_benchmarks
from opencodeinstruct.tools.text.near_index import NearIndex
from opencodeinstruct.tools.text.ngrams import jaccard

PARENT = (
    "Write a function `count_even` that takes a list of integers `values` and returns how many of "
    "them are even. An empty list gives 0.\n\nSignature: `def count_even(values: list[int]) -> int`"
)
NEW = (
    "A lighthouse blinks in a rhythm of long and short flashes. Write a function `longest_dark` "
    "that takes a string `flashes` of the letters L and S and dots, and returns the length of the "
    "longest run of dots.\n\nSignature: `def longest_dark(flashes: str) -> int`"
)


def born(text: str, *parents: Row, **changes: object) -> Kept:
    return Kept({"id": content_id(text), "input": text, "entry_point": None,
                 "parent_ids": [row["id"] for row in parents], **changes})  # fmt: skip


ELDER = born(PARENT).row


def screened(*children: Kept, decide: tuple[Decide, ...] = (), **chosen: float) -> list[Outcome]:
    living = Living()
    living.add_all([ELDER])
    return screen(children, {ELDER["id"]: ELDER}, living, ScreenSettings(**chosen), decide)


def reason(outcome: Outcome) -> str:
    return outcome.reason if isinstance(outcome, Dropped) else "kept"


@pytest.mark.parametrize(
    ("why", "text", "found"),
    [
        ("new", NEW, "kept"),
        ("the parent", PARENT, "repeats_a_question"),
        ("its name alone is new", PARENT.replace("count_even", "evens"), "too_close_to_parent"),
        (
            "said in other words",
            "Implement `even_count`: given integers `values`, it should count how many are even, "
            "giving 0 for an empty list.\n\nSignature: `def even_count(values: list[int]) -> int`",
            "paraphrases_parent",
        ),
        (
            "one more requirement",
            "Write a function `count_distinct` that takes a list of integers `values` and returns "
            "how many different even numbers it holds; each counts once, however often it occurs, "
            "and negative ones are skipped.\n\nSignature: `def count_distinct(values)`",
            "kept",
        ),
        (
            "a rule that is not given",
            NEW.replace(
                "A lighthouse blinks in a rhythm of long and short flashes.",
                "In a secret message each letter stands for a specific sequence of letters.",
            ),
            "left_open",
        ),
        (
            "a rule that follows",
            NEW.replace(
                "A lighthouse blinks in a rhythm of long and short flashes.",
                "A lighthouse blinks in a specific order: long, short.",
            ),
            "kept",
        ),
        ("endless", NEW + " dot" * 500, "too_long"),
        (
            "it asks for nothing",
            "A move is a string of two uppercase letters with a hyphen between them, as in 'A-B', "
            "and an empty string gives an empty string.\n\nSignature: `def move(x: str) -> str`",
            "asks_nothing",
        ),
        (
            "what it says of empty input is not what it asks for",
            "A chess move is a string of a list of two squares with a hyphen between them. "
            "An empty string returns an empty string.\n\nSignature: `def stub(move: str) -> str`",
            "asks_nothing",
        ),
        (
            "it asks before an aside",
            "A chess move is a string of two squares. Return the square where the move ends. "
            "An empty string returns an empty string.\n\nSignature: `def stub(move: str) -> str`",
            "kept",
        ),
    ],
)
def test_a_child_is_compared_with_its_parent(why: str, text: str, found: str) -> None:
    (outcome,) = screened(born(text, ELDER))
    assert reason(outcome) == found, why


RULES: tuple[Decide, ...] = (lambda table: clean(table, CleanSettings()),)


@pytest.mark.parametrize(
    ("why", "text", "found"),
    [
        ("a refusal", "I'm sorry, but as an AI language model I cannot write that.", "refusal"),
        ("as an AI", "As an AI, I would ask for a function that adds numbers.", "refusal"),
        ("speaks of its prompt", f"#Rewritten Prompt#: {NEW}", "meta_text"),
        ("the rewritten prompt", f"Here is the rewritten prompt: {NEW}", "meta_text"),
        ("Chinese", "编写一个函数,它接受一个整数列表并返回其中偶数的数量,列表为空时返回零。",
         "not_english"),
        ("one sentence for ever", "Write a function that sorts the list well. " * 20, "repetition"),
        ("too short", "Sort it now.", "too_short"),
        ("a picture that is not there", f"{NEW} See the attached image.", "needs_context"),
        ("another question", f"{NEW} Use your answer to the previous problem.",
         "not_self_contained"),
    ],
)  # fmt: skip
def test_the_rules_of_cleaning_hold_at_birth(why: str, text: str, found: str) -> None:
    (outcome,) = screened(born(text), decide=RULES)
    assert reason(outcome) == found, why


def test_what_a_benchmark_asks_is_not_born() -> None:
    task = "Given a lamp that blinks n times per minute compute how often it blinks in k hours"
    settings = DecontaminateSettings()
    index = index_benchmarks([Benchmark("lamps", (Item("lamps/1", task, "", ""),))])
    scales = survey([], index, settings)
    known = f"{task}.\n\nSignature: `def blinks(n: int, k: int) -> int`"
    outcomes = screened(
        born(known), born(NEW), decide=(lambda table: decontaminate(table, scales, settings),)
    )
    assert [reason(one) for one in outcomes] == ["contaminated", "kept"]


def test_the_first_of_two_that_are_near_to_each_other_lives() -> None:
    near = NEW.replace("lighthouse", "beacon")
    outcomes = screened(born(NEW), born(near), born(NEW))
    assert [reason(one) for one in outcomes] == [
        "kept",
        "too_close_to_living",
        "repeats_a_question",
    ]
    assert isinstance(outcomes[1], Dropped)
    assert outcomes[1].evidence.startswith(content_id(NEW))


def test_a_colony_s_newborns_are_seen_by_no_other_colony() -> None:
    below = Living()
    below.add_all([ELDER])
    one, other = below.grown(), below.grown()
    for living in (one, other):
        (kept,) = screen([born(NEW)], {}, living, ScreenSettings())
        assert isinstance(kept, Kept)
        assert living.holds(ELDER["id"])
    assert not below.holds(content_id(NEW))


WORDS = [f"word{number}" for number in range(100)]


@pytest.mark.parametrize(
    ("why", "parents", "own", "elders", "found"),
    [
        ("less than the share of a long parent", 100, 39, 1, "shortened"),
        ("the share", 100, 40, 1, "kept"),
        ("a short parent", 60, 8, 1, "kept"),
        ("just longer than short", 61, 24, 1, "shortened"),
        ("crossover tells something else", 100, 8, 2, "kept"),
    ],
)
def test_a_mutation_tells_what_its_parent_tells(
    why: str, parents: int, own: int, elders: int, found: str
) -> None:
    long = [born(" ".join(WORDS[:parents]) + f" {n}" * (n > 0)).row for n in range(elders)]
    text = " ".join(["write", "some", "thing", *(f"new{number}" for number in range(own - 3))])
    living = Living()
    living.add_all(long)
    known = {row["id"]: row for row in long}
    (outcome,) = screen([born(text, *long)], known, living, ScreenSettings())
    assert reason(outcome) == found, why


def test_new_words_are_those_that_say_something() -> None:
    assert new_words("Write `f` of the sorted lists.", ["Sort a list."]) == set()
    assert new_words("Skip negatives, twice `skipped`.", ["Sort."]) == {"skip", "negativ", "twice"}


def test_the_index_finds_what_a_comparison_of_all_pairs_finds() -> None:
    draw = random.Random(5)
    words = [f"word{number}" for number in range(60)]
    texts = [" ".join(draw.choices(words, k=40)) for _ in range(60)]
    for text in list(texts):  # neighbours at many distances
        changed = text.split()
        for _ in range(draw.randrange(1, 7)):
            changed[draw.randrange(40)] = draw.choice(words)
        texts.append(" ".join(changed))
    index, found, missed = NearIndex(3), 0, 0
    signed = index.signed(texts)
    for place, one in enumerate(signed):
        best = max((jaccard(one.shingles, other.shingles) for other in signed[:place]), default=0.0)
        near = index.closest(one)
        if best >= 0.6:
            found += near is not None and near.similarity == pytest.approx(best)
            missed += near is None
        index.add(str(place), one)
    assert found >= 15
    assert missed <= 1
