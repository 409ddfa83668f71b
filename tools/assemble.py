"""Build the dataset folder of a run from the rows its last stage kept."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from opencodeinstruct.dataset_card.facts import BuildFacts, Step
from opencodeinstruct.tools.benchmarks.load import load_benchmark
from opencodeinstruct.tools.contamination.of_run import recall_of, report_of_run
from opencodeinstruct.tools.packages import installed
from opencodeinstruct.tools.plan import STAGES, identity
from opencodeinstruct.tools.recipe import ROLES, Recipe, dump
from opencodeinstruct.tools.run_folder import read_table
from opencodeinstruct.tools.session import Session
from opencodeinstruct.tools.stages.build import BuildReport, build


def assemble(session: Session, progress: Callable[[int], None] | None = None) -> BuildReport:
    """Make `dataset/` of the run, replacing a former one only when the new one is whole.

    The report on contamination is written into the run's folder first; the card quotes it.
    """
    facts = replace(facts_of(session), recall=recall_of(report_of_run(session)))
    return build(
        finished_tables(session),
        session.folder.dataset,
        facts,
        session.recipe.build,
        progress,
    )


def finished_tables(session: Session) -> Iterator[pa.Table]:
    """The rows of the dataset: the first `num_records` of those that the last stage kept."""
    versions = {
        "prompt_version": session.prompts.version(),
        "recipe_hash": session.recipe_hash,
    }
    left = session.recipe.num_records
    for path in session.folder.stage(STAGES[-1]).parts():
        table = read_table(path)
        if left is not None:
            table = table.slice(0, left)
            left -= table.num_rows
        for name, value in versions.items():
            column = pa.array([value] * table.num_rows, pa.string())
            table = table.set_column(table.schema.get_field_index(name), name, column)
        yield table


def facts_of(session: Session) -> BuildFacts:
    """What the card is told of the run."""
    recipe = session.recipe
    counts = [session.folder.stage(stage).counts() for stage in STAGES]
    return BuildFacts(
        pretty_name=recipe.build.pretty_name or recipe.name,
        models={role: identity(recipe.model_for(role)) for role in ROLES},
        prompt_version=session.prompts.version(),
        recipe_hash=session.recipe_hash,
        recipe=shareable(recipe),
        packages=installed(recipe.execute.packages),
        benchmarks={
            benchmark.name: len(benchmark.items)
            for benchmark in map(load_benchmark, recipe.benchmarks)
        },
        funnel=(
            *(
                Step(count.stage, count.entered, count.made, count.kept, count.dropped)
                for count in counts
            ),
            *_cut(recipe.num_records, counts[-1].kept),
        ),
    )


def _cut(wanted: int | None, kept: int) -> tuple[Step, ...]:
    """The step that leaves rows out which are more than `num_records`, where there are any."""
    if wanted is None or kept <= wanted:
        return ()
    return (Step("num_records", kept, 0, wanted, {"more_than_wanted": kept - wanted}),)


def shareable(recipe: Recipe) -> str:
    """The recipe as YAML without what it says of this machine: endpoints, keys, folders."""
    value = dump(recipe)
    value["model"] = identity(recipe.model)
    value["models"] = {role: identity(model) for role, model in recipe.models.items()}
    return str(yaml.safe_dump(_without_folders(value), sort_keys=False, allow_unicode=True))


def _without_folders(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_folders(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_folders(item) for item in value]
    return Path(value).name if isinstance(value, str) and value.startswith("/") else value
