"""`num_records`: rounds of further generations until enough rows are accepted, then a cut."""

from pathlib import Path

import pytest

from opencodeinstruct.builder.errors import RunFolderError
from opencodeinstruct.tools.assemble import finished_tables
from opencodeinstruct.tools.outcome import Kept
from opencodeinstruct.tools.plan import STAGES
from opencodeinstruct.tools.rounds import until_enough
from opencodeinstruct.tools.run_folder import StageCounts
from opencodeinstruct.tools.session import Session, claim_folder, open_session
from tests.pipeline import write_recipe
from tests.rows import finished_row

HERE = "http://127.0.0.1:9/v1"  # nothing is asked there


def session_in(folder: Path, **changes: object) -> Session:
    given: dict[str, object] = {"benchmarks": [], "evolve": {"generations": 1}, **changes}
    session = open_session(write_recipe(folder, HERE, **given), folder / "run")
    claim_folder(session, redo=False)
    return session


def rounds(session: Session, accepted: list[int | None]) -> tuple[Session, list[int]]:
    """What becomes of `session` when its rounds accept so many rows; generations of each round."""
    left, generations = list(accepted), list[int]()

    def run(now: Session) -> int | None:
        generations.append(now.recipe.evolve.generations)
        return left.pop(0)

    return until_enough(session, run, lambda line: None), generations


@pytest.mark.parametrize(
    ("why", "wanted", "accepted", "generations"),
    [
        ("nothing is said", None, [3], [1]),
        ("enough at once", 10, [10], [1]),
        ("one more generation", 12, [8, 12], [1, 2]),
        ("twice as many at most", 100, [8, 20, 50, 101], [1, 2, 4, 8]),
        ("rows were deferred", 100, [8, None], [1, 2]),
        ("none at first", 4, [0, 5], [1, 2]),
    ],
)
def test_evolution_goes_on_while_too_few_rows_are_accepted(
    tmp_path: Path, why: str, wanted: int | None, accepted: list[int | None], generations: list[int]
) -> None:
    session = session_in(tmp_path, num_records=wanted)
    last, found = rounds(session, accepted)
    assert found == generations, why
    assert last.recipe.evolve.generations == generations[-1]


def test_a_run_that_was_killed_goes_on_with_the_generations_it_had_come_to(tmp_path: Path) -> None:
    session = session_in(tmp_path, num_records=12)
    rounds(session, [6, None])
    again = session_in(tmp_path, num_records=12)
    assert again.recipe.evolve.generations == 2
    larger = session_in(tmp_path, num_records=50)  # a larger number adds to what is there
    assert larger.recipe_hash == again.recipe_hash


@pytest.mark.parametrize("accepted", [[8, 8], [0, 0]])
def test_a_round_that_adds_no_row_ends_the_run_with_what_to_do(
    tmp_path: Path, accepted: list[int | None]
) -> None:
    session = session_in(tmp_path, num_records=500)
    with pytest.raises(RunFolderError, match="added none") as caught:
        rounds(session, accepted)
    assert f"{accepted[-1]} of 500 rows" in str(caught.value)


def test_the_generations_that_are_allowed_are_not_exceeded(tmp_path: Path) -> None:
    session = session_in(tmp_path, num_records=10_000, evolve={"generations": 100})
    with pytest.raises(RunFolderError, match="100 generations"):
        rounds(session, [9_999])


@pytest.mark.parametrize(("wanted", "rows"), [(None, 7), (7, 7), (5, 5), (3, 3), (1, 1)])
def test_the_dataset_has_the_first_rows_of_the_last_stage_and_no_more(
    tmp_path: Path, wanted: int | None, rows: int
) -> None:
    session = session_in(tmp_path, num_records=wanted)
    stage = session.folder.stage(STAGES[-1])
    made = [finished_row(n) for n in range(7)]
    for number, start in enumerate(range(0, 7, 3)):
        stage.write_part(number, [Kept(row) for row in made[start : start + 3]])
    stage.finish(3, StageCounts(STAGES[-1], 7, 0, 7), "print")
    tables = list(finished_tables(session))
    ids = [own for table in tables for own in table["id"].to_pylist()]
    assert ids == [row["id"] for row in made[:rows]]
