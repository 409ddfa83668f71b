"""A few rows through the whole pipeline, shown in full; nothing is kept."""

from opencodeinstruct.tools.outcome import Row
from opencodeinstruct.tools.plan import STAGES
from opencodeinstruct.tools.recipe import Recipe
from opencodeinstruct.tools.run_folder import read_table
from opencodeinstruct.tools.session import Session


def preview_recipe(recipe: Recipe, rows: int) -> Recipe:
    """`recipe` cut down to `rows` seeds, of each source in turn, and one child of theirs."""
    seeds = rows
    evolve = recipe.evolve.model_copy(
        update={"colonies": 1, "children": 1, "generations": min(recipe.evolve.generations, 1)}
    )
    shares = [seeds // len(recipe.seeds)] * len(recipe.seeds)
    for index in range(seeds % len(recipe.seeds)):
        shares[index] += 1
    sources = [
        source.model_copy(update={"limit": share})
        for source, share in zip(recipe.seeds, shares, strict=True)
        if share
    ]
    return recipe.model_copy(update={"seeds": tuple(sources), "evolve": evolve})


def finished_rows(session: Session) -> list[Row]:
    """The rows that the last stage kept."""
    return [
        row
        for path in session.folder.stage(STAGES[-1]).parts()
        for row in read_table(path).to_pylist()
    ]
