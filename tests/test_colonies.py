"""Selection, fitness, merging and the end of evolution."""

import asyncio
import json
import random
import re
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from opencodeinstruct.builder.errors import ServiceError
from opencodeinstruct.builder.schema import CRITERIA
from opencodeinstruct.tools.outcome import Deferred, Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.ports import Answer, Request
from opencodeinstruct.tools.stages.breed import draw_slots
from opencodeinstruct.tools.stages.colony import Colony, live
from opencodeinstruct.tools.stages.evolve import EvolveSettings, deal
from opencodeinstruct.tools.stages.fitness import FitnessSettings, RowStage, Trial, weigh
from opencodeinstruct.tools.stages.judge import JudgeSettings, judge
from opencodeinstruct.tools.stages.respond import RespondSettings, respond
from opencodeinstruct.tools.stages.rules import rules_for_arguments, rules_for_result
from opencodeinstruct.tools.stages.screen import Living
from opencodeinstruct.tools.stages.selection import SelectionSettings, draw_parents
from tests.asks import by
from tests.evolving import (
    PROMPTS,
    bred,
    evolution,
    evolved,
    kept_rows,
    made,
    parent,
    parents,
    problem,
)

# --- parents


def drawn(rows: list[Row], settings: SelectionSettings, times: int = 600) -> Counter[str]:
    source = random.Random(1)
    return Counter(draw_parents(rows, 1, source, settings)[0]["id"] for _ in range(times))


def test_a_rare_topic_has_as_many_children_as_a_common_one() -> None:
    common = [parent(number, topic="strings", domain="generic") for number in range(9)]
    rare = parent(20, topic="graphs", domain="generic")
    counts = drawn([*common, rare], SelectionSettings())
    assert 240 < counts[rare["id"]] < 360  # half of 600
    assert set(counts) == {row["id"] for row in [*common, rare]}


def test_domains_are_strata_of_their_own() -> None:
    rows = [parent(number, topic="strings", domain="generic") for number in range(5)]
    alone = parent(9, topic="strings", domain="algorithmic")
    assert 240 < drawn([*rows, alone], SelectionSettings())[alone["id"]] < 360


@pytest.mark.parametrize("by_", ["fitness", "tournament"])
def test_the_fitter_are_chosen_more_often(by_: Any) -> None:
    weak, unjudged, strong = parent(0, fitness=1), parent(1), parent(2, fitness=5)
    counts = drawn([weak, unjudged, strong], SelectionSettings(by=by_))
    assert counts[strong["id"]] > counts[unjudged["id"]] > counts[weak["id"]] > 0


@pytest.mark.parametrize("by_", ["strata", "fitness", "tournament"])
def test_parents_of_one_child_are_different(by_: Any) -> None:
    rows = parents(4)
    found = draw_parents(rows, 9, random.Random(0), SelectionSettings(by=by_))
    assert sorted(row["id"] for row in found) == sorted(row["id"] for row in rows)


def test_a_function_and_a_program_have_no_children_together() -> None:
    rows = [*parents(3), parent(7, contract="stdio", entry_point=None)]
    chosen = EvolveSettings(colonies=1, children=80, crossover_probability=1.0, parents=3)
    slots = draw_slots(rows, chosen, generation=1, colony=0, seed=0)
    programs = [slot for slot in slots if slot.contract == "stdio"]
    assert programs
    assert all(len(slot.parents) == 1 and slot.operation != "crossover" for slot in programs)
    assert all(len(slot.parents) == 3 for slot in slots if slot.contract == "call")


def test_the_child_of_a_program_is_a_program() -> None:
    def ask(request: Request) -> str:
        asked = problem(random.Random(request.seed))
        return json.dumps({**asked, "input": "One line.", "output": "One line."})

    rows = [parent(number, contract="stdio", entry_point=None) for number in range(3)]
    children = kept_rows(evolved(rows, by(ask), colonies=1, crossover_probability=0.5))[3:]
    assert children
    assert {(row["contract"], row["signature"]) for row in children} == {("stdio", None)}


# --- fitness


def solving(score: int | None = 4) -> tuple[RowStage, RowStage]:
    """A solver that solves nothing with `bad` in its name, and a judge that gives `score`."""

    async def solve(row: Row) -> Outcome:
        charged = {**row, "spent_output_tokens": (row.get("spent_output_tokens") or 0) + 30}
        if "bad" in row["entry_point"]:
            return Dropped(charged, "no_code", "I cannot.")
        return Kept({**charged, "solution": "x"})

    async def judge(row: Row) -> Outcome:
        charged = {**row, "spent_output_tokens": row["spent_output_tokens"] + 5}
        if score is None:
            return Dropped(charged, "no_judgement", "hm")
        names = ("requirement_conformance", "logical_correctness", "edge_case_consideration")
        scores = dict.fromkeys(names, score)
        return Kept({**charged, **scores, "judge_score": score, "llm_judgement": "{}"})

    return solve, judge


def trying(passed: int | None) -> tuple[RowStage, RowStage]:
    """A tester with four tests, and a sandbox in which so many pass; None: no tests at all."""

    async def test(row: Row) -> Outcome:
        charged = {**row, "spent_output_tokens": row["spent_output_tokens"] + 7}
        if passed is None:
            return Dropped(charged, "too_few_tests", "0 usable")
        return Kept({**charged, "unit_tests": json.dumps([f"assert f({n})" for n in range(4)])})

    async def execute(row: Row) -> Outcome:
        assert passed is not None
        verdicts = ["pass"] * passed + ["fail"] * (4 - passed)
        rates = {"pass_rate": passed / 4, "tests_passed": passed, "tests_total": 4}
        return Kept({**row, "test_verdicts": verdicts, **rates})

    return test, execute


def trial(score: int | None = 4, passed: int | None = 4) -> Trial:
    return Trial(*solving(score), *trying(passed))


NEWBORN = {"id": "1", "entry_point": "good", "spent_output_tokens": 10, "input": "Good."}


@pytest.mark.parametrize(
    ("by_", "row", "score", "reason", "fitness", "tokens", "charged"),
    [
        ("none", NEWBORN, 1, None, None, 0, 10),
        ("parse", NEWBORN, 1, None, None, 30, 10),  # later stages are charged, it is not
        ("judge", NEWBORN, 4, None, 4, 35, 10),
        ("judge", NEWBORN, 3, None, 3, 35, 10),
        ("judge", NEWBORN, 2, "judged_unfit", 2, 35, 45),  # it has no later stages
        ("judge", NEWBORN, None, "no_judgement", None, 35, 45),
        ("parse", {**NEWBORN, "entry_point": "bad"}, 4, "not_solved", None, 30, 40),
        ("judge", {**NEWBORN, "entry_point": "bad"}, 4, "not_solved", None, 30, 40),
    ],
)
def test_a_question_lives_that_can_be_solved(
    by_: Any,
    row: Row,
    score: int | None,
    reason: str | None,
    fitness: int | None,
    tokens: int,
    charged: int,
) -> None:
    weighed = asyncio.run(weigh(row, trial(score), FitnessSettings(by=by_)))
    assert weighed.tokens == tokens
    outcome = weighed.outcome
    assert (outcome.reason if isinstance(outcome, Dropped) else None) == reason
    assert outcome.row.get("fitness") == fitness
    assert outcome.row["spent_output_tokens"] == charged
    assert not {"solution", "judge_score"} & set(outcome.row)


def test_a_failed_solver_or_judge_defers_the_child() -> None:
    async def down(row: Row) -> Outcome:
        raise ServiceError("down")

    for who in ("solve", "test", "execute", "judge"):
        broken = replace(trial(), **{who: down})
        outcome = asyncio.run(weigh(NEWBORN, broken, FitnessSettings(by="tests"))).outcome
        assert outcome == Deferred(NEWBORN, "down"), who


@pytest.mark.parametrize(
    ("passed", "least", "reason", "tokens", "charged"),
    [
        (4, 0.6, None, 42, 10),
        (3, 0.75, None, 42, 10),
        (2, 0.6, "fails_tests", 37, 47),  # the judge is not paid
        (0, 0.1, "fails_tests", 37, 47),
        (None, 0.6, "not_tested", 37, 47),
    ],
)
def test_a_question_lives_whose_tests_its_solution_passes(
    passed: int | None, least: float, reason: str | None, tokens: int, charged: int
) -> None:
    chosen = FitnessSettings(by="tests", tests_passed=least)
    weighed = asyncio.run(weigh(NEWBORN, trial(4, passed), chosen))
    assert (weighed.tokens, weighed.outcome.row["spent_output_tokens"]) == (tokens, charged)
    assert not {"solution", "unit_tests", "pass_rate"} & set(weighed.outcome.row)
    if isinstance(weighed.outcome, Dropped):
        assert weighed.outcome.reason == reason
        assert passed is None or "fail: assert f(3)" in weighed.outcome.evidence
    else:
        assert (reason, weighed.outcome.row["fitness"]) == (None, 4)


def test_fitness_can_be_said_in_one_word() -> None:
    assert EvolveSettings(fitness="parse").fitness == FitnessSettings(by="parse")


def test_the_fit_alone_become_parents() -> None:
    unfit = {"by": "judge", "parents": False}
    made_ = evolution(
        parents(4), breeding=bred(by(made), *solving(2)), fitness=unfit, generations=2, children=4
    )
    assert len(kept_rows(made_.outcomes)) == 4
    assert {o.reason for o in made_.outcomes if isinstance(o, Dropped)} == {"judged_unfit"}


def test_a_question_from_a_seed_that_is_not_fit_is_kept_and_has_no_children() -> None:
    rows = [parent(n, entry_point="bad" if n % 2 else "good") for n in range(6)]
    told: list[Outcome] = []
    breeding = bred(by(made), *solving(4))
    chosen: dict[str, Any] = {"fitness": {"by": "parse"}, "generations": 2, "children": 20}
    made_ = evolution(rows, breeding=breeding, on_outcome=told.append, **chosen)
    assert made_.outcomes[:6] == [Kept(row) for row in rows]
    children = kept_rows(made_.outcomes)[6:]
    unfit = {row["id"] for row in rows[1::2]}
    assert children
    assert not any(unfit & set(child["parent_ids"]) for child in children)
    assert len(told) == len(made_.outcomes) - 6  # progress is of children

    chosen["fitness"]["parents"] = False
    both = kept_rows(evolution(rows, breeding=breeding, **chosen).outcomes)[6:]
    assert any(unfit & set(child["parent_ids"]) for child in both)


@pytest.mark.parametrize("by_", ["tests", "judge"])
def test_a_mutation_of_an_untyped_seed_fits_what_its_tests_show(by_: str) -> None:
    heads = {f"first_{n}": f"def first_{n}(value)" for n in range(4)}
    rows = [parent(n, entry_point=name, signature=heads[name]) for n, name in enumerate(heads)]

    async def test(row: Row) -> Outcome:
        calls = [f"assert {row['entry_point']}([{n}, 7]) == [{n}]" for n in range(4)]
        return Kept({**row, "unit_tests": json.dumps(calls)})

    changes: list[str] = []

    def ask(request: Request) -> str:
        changes.append(request.messages[-1].content.rpartition("Change: ")[2])
        return made(request)

    breeding = bred(by(ask), *solving(), test, trying(4)[1])
    made_ = evolution(
        rows,
        breeding=breeding,
        fitness=by_,
        children=20,
        crossover_probability=0,
        mutation_weights={"add-constraint": 1},
    )
    assert made_.outcomes[:4] == [Kept(row) for row in rows]  # with the heads that they came with
    of_lists = (
        *rules_for_arguments("def f(value: list[int])"),
        *rules_for_result("def f(value: list[int]) -> list[int]"),
    )
    told = sum(change in {f"add this rule: {rule}." for rule in of_lists} for change in changes)
    assert told == (len(changes) if by_ == "tests" else 0)


def test_a_population_of_the_unfit_ends_and_one_that_cannot_be_weighed_waits() -> None:
    rows = [parent(n, entry_point="bad") for n in range(3)]
    made_ = evolution(rows, breeding=bred(by(made), *solving()), fitness="parse", generations=2)
    assert made_.outcomes == [Kept(row) for row in rows]
    assert made_.note is not None
    assert made_.note.startswith("none of the 3 questions from seeds lives")

    async def down(row: Row) -> Outcome:
        raise ServiceError("down")

    waits = evolution(rows, breeding=bred(by(made), down), fitness="parse", generations=2)
    assert waits.outcomes == [Deferred(row, "down") for row in rows]
    assert waits.note == "a model's service failed in generation 0"


# --- colonies


def test_a_colony_lives_by_itself_as_it_does_among_others() -> None:
    """What a cluster needs: a colony depends on what it is handed and on nothing else."""
    rows, chosen = parents(6), EvolveSettings(generations=2, merge_every=2, fitness="none")
    together = evolution(rows, generations=2, merge_every=2).outcomes[6:]
    living = Living()
    living.add_all(rows)
    for colony in deal(rows, living, chosen, 1, 0):
        alone = Colony(colony.number, colony.members, living)
        lived = asyncio.run(live(alone, range(1, 3), bred(by(made)), chosen, seed=0))
        mine = [one for one in together if one.row["colony"] == colony.number]
        assert [*lived.born[1], *lived.born[2]] == mine


def test_colonies_that_make_the_same_keep_it_once() -> None:
    same = json.dumps(problem(random.Random(1)))
    made_ = evolution(parents(4), by(lambda _: same), children=1, crossover_probability=0.0)
    assert [type(one) for one in made_.outcomes[4:]] == [Kept, Dropped]


def test_colonies_know_nothing_of_each_other_until_they_are_merged() -> None:
    def elders(merge_every: int) -> set[tuple[int, int]]:
        rows = kept_rows(evolved(parents(8), generations=3, children=6, merge_every=merge_every))
        home = {row["id"]: row["colony"] for row in rows if row["generation"]}
        return {
            (row["colony"], home[name])
            for row in rows
            for name in row["parent_ids"]
            if name in home
        }

    assert elders(3) == {(0, 0), (1, 1)}
    assert elders(1) >= {(0, 1), (1, 0)}


# --- the end


@pytest.mark.parametrize(
    ("why", "chosen", "note", "last"),
    [
        ("generations", {"generations": 2}, "all 2 generations are done", 2),
        ("none at all", {"generations": 0}, "all 0 generations are done", 0),
        ("enough questions", {"generations": 9, "stop": {"questions": 30}},
         "36 questions are alive, 30 were asked for", 2),
        ("enough from the start", {"generations": 9, "stop": {"questions": 3}},
         "4 questions are alive, 3 were asked for", 0),
        ("tokens", {"generations": 9, "stop": {"tokens": 3000}},
         "3520 tokens are spent, 3000 were allowed", 2),
        ("merged seldom", {"generations": 9, "merge_every": 3, "stop": {"questions": 5}},
         "52 questions are alive, 5 were asked for", 3),
    ],
)  # fmt: skip
def test_evolution_says_why_it_ended(
    why: str, chosen: dict[str, Any], note: str, last: int
) -> None:
    made_ = evolution(parents(4), **chosen)
    assert made_.note == note, why
    assert max(one.row["generation"] for one in made_.outcomes) == last


def test_a_yield_below_the_floor_ends_evolution() -> None:
    made_ = evolution(
        parents(4), by(lambda _: "no"), generations=9, stop={"least_yield": 0.2}, children=2
    )
    assert made_.note == "the yield of generation 1 is 0.00, below 0.2"


def test_a_failed_service_and_no_question_are_said_too() -> None:
    failed = evolution(parents(4), by(lambda _: ServiceError("down")), generations=3)
    assert failed.note == "a model's service failed in generation 1"
    assert evolution([]).note == "there was no question to evolve"


# --- what is paid


def test_a_question_that_lives_is_solved_and_judged_by_the_requests_that_were_paid_for() -> None:
    """`respond` and `judge` ask what fitness asked: the journal answers them."""
    paid: list[Request] = []

    async def ask(request: Request) -> Answer:
        paid.append(request)
        return Answer(scripted(request), "m", "stop", 100, 10)

    stages: dict[str, Any] = {"ask": ask, "prompts": PROMPTS, "seed": 3}
    solve: RowStage = partial(respond, settings=RespondSettings(), **stages)
    judging: RowStage = partial(judge, settings=JudgeSettings(), **stages)
    breeding = bred(ask, solve, judging)
    chosen = {"by": "judge", "parents": False}
    rows = kept_rows(evolution(parents(3), breeding=breeding, fitness=chosen).outcomes)[3:]
    assert rows
    assert {row["fitness"] for row in rows} == {4}
    before = list(paid)
    asyncio.run(_solved_and_judged(rows, solve, judging))
    assert all(request in before for request in paid)


async def _solved_and_judged(rows: list[Row], solve: RowStage, judging: RowStage) -> None:
    for row in rows:
        solved = await solve(row)
        assert isinstance(await judging(solved.row), Kept)


def scripted(request: Request) -> str:
    """A child, a solution that does nothing much, or a judgement of 4."""
    if request.role == "generator":
        return made(request)
    if request.role == "solver":
        name = re.findall(r"def (\w+)\(", request.messages[-1].content)[-1]
        return f"```python\ndef {name}(value):\n    return value\n```"
    one = {"score": 4, "justification": "It does."}
    return json.dumps(dict.fromkeys(CRITERIA, one))
