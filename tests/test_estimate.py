"""What a run will cost is said before it starts, and grows with what it will ask."""

import pytest

from opencodeinstruct.tools.estimate import PER_REQUEST, costs, seconds, spoken
from opencodeinstruct.tools.plan import ASKS
from opencodeinstruct.tools.recipe import Recipe
from opencodeinstruct.tools.stages.evolve import EvolveSettings


def recipe(**changes: object) -> Recipe:
    return Recipe.model_validate(
        {"name": "x", "seeds": [{"kind": "code", "path": "stdlib"}], **changes}
    )


def requests(seeds: int, ready: int = 0, **changes: object) -> dict[str, int]:
    return {one.stage: one.requests for one in costs(recipe(**changes), seeds=seeds, ready=ready)}


def test_every_asking_stage_has_a_cost_in_the_order_of_the_run() -> None:
    stages = [one.stage for one in costs(recipe(), seeds=10, ready=0)]
    assert stages == list(ASKS) == list(PER_REQUEST)


def test_questions_that_are_ready_are_not_asked_for_but_for_their_topic() -> None:
    assert requests(10, ready=10, topics=[])["instruct"] == 0
    assert requests(10, ready=4, topics=[])["instruct"] == 6
    assert requests(10, ready=4)["instruct"] == 10
    assert (
        costs(recipe(), seeds=10, ready=10)[0].output_tokens
        < costs(recipe(), seeds=10, ready=0)[0].output_tokens
    )


def test_every_operation_of_evolution_is_one_request() -> None:
    evolve = {"colonies": 3, "generations": 2, "children": 5}
    assert requests(10, evolve=evolve)["evolve"] == 30 == EvolveSettings(**evolve).operations
    assert requests(10, evolve={"generations": 0})["evolve"] == 0


def test_without_seeds_nothing_is_asked() -> None:
    assert set(requests(0).values()) == {0}


def test_fewer_rows_reach_each_later_stage() -> None:
    asked = requests(1000)
    assert asked["respond"] > asked["testgen"] > asked["judge"] > 0


def test_twice_the_speed_is_half_the_time() -> None:
    stages = costs(recipe(), seeds=10, ready=0)
    assert seconds(stages, 20.0) == pytest.approx(seconds(stages, 40.0) * 2)
    assert seconds([], 20.0) == 0


@pytest.mark.parametrize(
    ("time", "said"),
    [
        (0.0, "about 1 seconds"),  # never nothing
        (40.4, "about 40 seconds"),
        (89.0, "about 89 seconds"),
        (600.0, "about 10 minutes"),
        (5399.0, "about 90 minutes"),
        (3 * 3600.0, "about 3 hours"),
        (35 * 3600.0, "about 35 hours"),
        (10 * 86400.0, "about 10 days"),
    ],
)
def test_a_time_is_said_as_people_say_it(time: float, said: str) -> None:
    assert spoken(time) == said
