"""Children: read from answers, screened, and lost to nothing but a reason."""

import json
import random
import re

import pytest

from opencodeinstruct.builder.errors import ServiceError
from opencodeinstruct.tools.outcome import Deferred, Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.ports import Refused, Request
from opencodeinstruct.tools.stages.screen import Living, ScreenSettings, screen, shared_words
from tests.asks import by, saying
from tests.evolving import evolved, kept_rows, made, parent, parents, problem, reasons


@pytest.mark.parametrize(
    ("gives", "kept", "dropped"),
    [
        (3, 3, {}),
        (1, 1, {}),
        (10, 3, {}),  # no more than was asked for
        (0, 0, {"not_json": 1}),
    ],
)
def test_a_crossover_may_have_several_children(
    gives: int, kept: int, dropped: dict[str, int]
) -> None:
    ask = by(lambda request: made(request, offspring=gives))
    outcomes = evolved(
        parents(4), ask, colonies=1, children=1, crossover_probability=1.0, offspring=3
    )
    born = kept_rows(outcomes)[4:]
    assert len(born) == kept
    assert reasons(outcomes) == dropped
    assert len({row["id"] for row in born}) == kept
    spent = [outcome.row.get("spent_output_tokens") for outcome in outcomes[4:]]
    assert spent == [10, *[None] * (len(spent) - 1)]  # one answer is paid for once


@pytest.mark.parametrize(
    ("why", "answer", "outcomes"),
    [
        ("one of three is broken", '{"problems": [GOOD, {"problem": 3}, GOOD]}',
         ["kept", "no_problem", "kept"]),
        ("all are", '{"problems": [3, null, []]}', ["not_json"] * 3),
        ("no list", '{"problems": "none"}', ["not_json"]),
        ("one without its list", '{"problems": GOOD}', ["kept"]),
        ("the problem alone", "GOOD", ["kept"]),
        ("a bare list: its first", "[GOOD, GOOD]", ["kept"]),
        ("cut: the first is whole", '{"problems": [GOOD, {"idea": "x', ["kept"]),
        ("something else", '{"answer": 3}', ["no_problem"]),
        ("prose", "Here are three ideas.", ["not_json"]),
        ("nothing", "", ["empty_answer"]),
    ],
)  # fmt: skip
def test_what_a_crossover_gives_is_read_one_by_one(
    why: str, answer: str, outcomes: list[str]
) -> None:
    def ask(request: Request) -> str:
        draw = random.Random(request.seed)
        return re.sub("GOOD", lambda _: json.dumps(problem(draw)), answer)

    found = evolved(
        parents(4), by(ask), colonies=1, children=1, crossover_probability=1.0, offspring=3
    )[4:]
    names = [one.reason if isinstance(one, Dropped) else "kept" for one in found]
    assert names == outcomes, why
    assert all(outcome.row["parent_ids"] for outcome in found)


def test_a_question_that_somebody_asked_before_is_dropped() -> None:
    same = json.dumps(problem(random.Random(1)))
    outcomes = evolved(
        parents(3),
        saying(same),
        colonies=1,
        generations=2,
        children=4,
        crossover_probability=0.0,
        hints="aspects",  # which bring in no argument that the child would have to have
    )
    assert len(kept_rows(outcomes)) == 3 + 1
    assert reasons(outcomes) == {"repeats_a_question": 7}


def test_a_copy_of_the_parent_is_dropped() -> None:
    def copy(request: Request) -> str:
        text = request.messages[-1].content.split("Problem:\n")[1].split("\n\nChange:")[0]
        text = text.split("\n\nSignature:")[0]
        name = re.findall(r"`(\w+)`", text)[0]
        return json.dumps({"signature": f"def {name}(value, first)", "problem": text})

    outcomes = evolved(parents(3), by(copy), colonies=1, children=4, crossover_probability=0.0)
    assert reasons(outcomes) == {"too_close_to_parent": 4}


@pytest.mark.parametrize(
    ("child", "elder", "share"),
    [
        ("a b c d", "a b c d", 1.0),
        ("A b C d", "a B c D", 1.0),  # case is ignored
        ("a b c d", "a b x d", 1 / 3),
        ("d c b a", "a b c d", 0.0),  # the order of words counts
        ("a b\n\nSignature: `def f(x)`", "a b\n\nSignature: `def g(y, z)`", 1.0),
        ("word", "other", 1.0),  # a child without a pair of words says nothing
        ("", "", 1.0),
    ],
)
def test_shared_words_are_pairs_of_the_problem_alone(child: str, elder: str, share: float) -> None:
    assert shared_words(child, elder) == pytest.approx(share)


def test_the_screen_lets_pass_what_is_new_and_what_was_dropped_before() -> None:
    elder: Row = {"id": "1", "input": "a b c d e f g h i j k l", "parent_ids": []}
    new = Kept({"id": "2", "input": "find x y z: a b c d f g h", "parent_ids": ["1"]})
    gone = Dropped({"parent_ids": ["1"]}, "no_problem")
    later = Deferred({"parent_ids": ["1"]}, "down")
    living = Living()
    living.add_all([elder])
    assert screen([new, gone, later], {"1": elder}, living, ScreenSettings()) == [new, gone, later]
    assert living.holds("2")


def test_a_failed_service_defers_the_child_and_stops_after_its_generation() -> None:
    def failing(request: Request) -> str | Exception:
        return ServiceError("down") if request.seed % 5 == 0 else made(request)

    told: list[Outcome] = []
    outcomes = evolved(
        parents(4),
        by(failing),
        on_outcome=told.append,
        colonies=2,
        generations=9,
        children=3,
    )
    deferred = [outcome for outcome in outcomes if isinstance(outcome, Deferred)]
    assert deferred
    last = max(outcome.row["generation"] for outcome in outcomes)
    assert {outcome.row["generation"] for outcome in deferred} == {last}
    assert len(outcomes) == 4 + 6 * last
    assert len(told) == 6 * last
    assert all(outcome.row["parent_ids"] for outcome in deferred)
    assert deferred[0].reason == "down"


def test_when_the_service_is_back_the_population_is_what_it_would_have_been() -> None:
    whole = evolved(parents(4), generations=3)
    cut = evolved(
        parents(4),
        by(lambda r: ServiceError("down") if r.seed % 7 == 0 else made(r)),
        generations=3,
    )
    agree = [one == other for one, other in zip(whole, cut, strict=False)]
    assert all(same or isinstance(other, Deferred) for same, other in zip(agree, cut, strict=False))


def test_a_refused_request_drops_its_child_and_no_other() -> None:
    outcomes = evolved(
        parents(4), by(lambda r: Refused("too long") if r.seed % 3 == 0 else made(r)), children=20
    )
    assert reasons(outcomes)["request_refused"] > 0
    assert len(kept_rows(outcomes)) + reasons(outcomes)["request_refused"] == 4 + 40


@pytest.mark.parametrize(
    ("licenses", "joint"),
    [
        (["MIT", "MIT"], "MIT"),
        (["MIT", "Apache-2.0"], "Apache-2.0 AND MIT"),
        (["Apache-2.0 AND MIT", "MIT"], "Apache-2.0 AND MIT"),
        (["MIT OR Apache-2.0", "BSD-3-Clause"], "(MIT OR Apache-2.0) AND BSD-3-Clause"),
        (["MIT", None], "MIT AND NOASSERTION"),  # what is unknown stays visible
        (["GPL-2.0-only WITH Classpath-exception-2.0", "MIT"],
         "GPL-2.0-only WITH Classpath-exception-2.0 AND MIT"),
    ],
)  # fmt: skip
def test_a_child_has_the_licences_of_all_its_parents(
    licenses: list[str | None], joint: str
) -> None:
    rows = [parent(number, license=one) for number, one in enumerate(licenses)]
    outcomes = evolved(rows, colonies=1, children=3, crossover_probability=1.0)
    assert {row["license"] for row in kept_rows(outcomes)[2:]} == {joint}


def test_an_unexpected_error_ends_the_stage_and_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        evolved(parents(2), by(lambda request: ZeroDivisionError()))
