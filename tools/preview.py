"""A recipe cut down to a few rows, to look at before paying for the run."""

from opencodeinstruct.tools.recipe import Recipe


def preview_recipe(recipe: Recipe, rows: int) -> Recipe:
    """`recipe` cut down to `rows` seeds, of each source in turn, and one child of theirs."""
    evolve = recipe.evolve.model_copy(
        update={"colonies": 1, "children": 1, "generations": min(recipe.evolve.generations, 1)}
    )
    shares = [rows // len(recipe.seeds)] * len(recipe.seeds)
    for index in range(rows % len(recipe.seeds)):
        shares[index] += 1
    sources = [
        source.model_copy(update={"limit": share})
        for source, share in zip(recipe.seeds, shares, strict=True)
        if share
    ]
    few = {"seeds": tuple(sources), "evolve": evolve, "num_records": None}
    return recipe.model_copy(update=few)
