"""The stages of a recipe, wired to the services they need.

This is the one place that knows which stage asks which model, and what decides what a stage makes:
a stage is run again when its fingerprint, or that of a stage before it, differs.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from hashlib import file_digest
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa
from pydantic import BaseModel

from opencodeinstruct.builder.errors import ServiceError
from opencodeinstruct.builder.schema import table_of, working_schema
from opencodeinstruct.tools.benchmarks.load import load_benchmark
from opencodeinstruct.tools.deduplicated import deduplicated
from opencodeinstruct.tools.llm.model_settings import ModelSettings, for_vllm
from opencodeinstruct.tools.llm.servers import Servers
from opencodeinstruct.tools.outcome import Made, Outcome, Row, Verdicts
from opencodeinstruct.tools.packages import installed
from opencodeinstruct.tools.ports import Ask, Embed, Role, Run, digest
from opencodeinstruct.tools.prompt import Prompts
from opencodeinstruct.tools.recipe import Recipe
from opencodeinstruct.tools.sources.read import read_seeds
from opencodeinstruct.tools.stages.breed import Asked
from opencodeinstruct.tools.stages.clean import clean
from opencodeinstruct.tools.stages.colony import Breeding
from opencodeinstruct.tools.stages.decontaminate import decontaminate, fallen_groups, survey
from opencodeinstruct.tools.stages.evolve import evolve
from opencodeinstruct.tools.stages.execute import execute
from opencodeinstruct.tools.stages.fitness import Trial
from opencodeinstruct.tools.stages.instruct import instruct
from opencodeinstruct.tools.stages.judge import judge
from opencodeinstruct.tools.stages.paraphrase import known_problems, nearest, paraphrase
from opencodeinstruct.tools.stages.respond import respond
from opencodeinstruct.tools.stages.screen import Decide
from opencodeinstruct.tools.stages.testgen import testgen
from opencodeinstruct.tools.steps import (
    Columns,
    Compared,
    EachRow,
    Further,
    Population,
    Source,
    Step,
    Surveyed,
    Tables,
    Work,
)
from opencodeinstruct.tools.text.benchmark_index import index_benchmarks

STAGES = (
    "seeds",
    "instruct",
    "evolve",
    "clean",
    "dedup",
    "decontaminate",
    "respond",
    "testgen",
    "recheck",
    "execute",
    "judge",
)
"""The stages in order; `recheck` is `decontaminate` again, over solution and tests as well."""

_OF_EVOLUTION: tuple[Role, ...] = ("generator", "solver", "tester", "judge")
_TRIED_BY: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "parse": ("respond",),
    "judge": ("respond", "judge"),
    "tests": ("respond", "testgen", "judge"),
}
"""The stages that try newborn questions, by `evolve.fitness.by`."""

ASKS: Mapping[str, tuple[Role, tuple[str, ...]]] = {
    "instruct": (
        "generator",
        ("instruct_code", "instruct_problem", "instruct_program", "topic"),
    ),
    "evolve": ("generator", ("mutate", "mutate_program", "crossover", "crossover_program")),
    "respond": ("solver", ("respond", "respond_program")),
    "testgen": ("tester", ("testgen", "testgen_program")),
    "judge": ("judge", ("judge",)),
}
"""The stages that ask a model: in which role, by which prompts."""

_APART = {"decontaminate": {"semantic"}}  # what decides one of the stages with these settings only

AskingStage = Callable[..., Awaitable[Outcome]]

_FORMAT = 11  # raise it when a stage makes other rows of the same input: old runs are then redone


def no_embedding(texts: Sequence[str]) -> NoReturn:
    """The `Embed` of who has none: nothing passes as clean by it."""
    raise ServiceError(f"No embedding model was loaded, and {len(texts)} texts need one.")


@dataclass(frozen=True, slots=True)
class Services:
    """What the stages are handed; `servers` are those behind `ask`, for a trial of a model."""

    ask: Ask
    run: Run
    prompts: Prompts
    programs_at_once: int = 2
    embed: Embed = no_embedding
    servers: Servers | None = None


def plan(recipe: Recipe, services: Services) -> list[Step]:
    """The steps of `recipe`, in order."""
    works = _works(recipe, services)
    prints = fingerprints(recipe, services.prompts)
    return [Step(stage, works[stage], prints[stage]) for stage in STAGES]


def fingerprints(recipe: Recipe, prompts: Prompts) -> dict[str, str]:
    """For each stage 12 hex digits of all that decides what it and those before it make."""
    prints: dict[str, str] = {}
    before = ""
    for stage in STAGES:
        before = digest(before, stage, decided_by(recipe, prompts, stage))
        prints[stage] = before
    return prints


def decided_by(recipe: Recipe, prompts: Prompts, stage: str) -> dict[str, Any]:
    """The settings that decide what `stage` makes of its input, by dotted key."""
    name = "decontaminate" if stage == "recheck" else stage
    settings = getattr(recipe, name)
    found: dict[str, Any] = {}
    if stage == STAGES[0]:
        found["seed"], found["rows_per_part"] = recipe.seed, recipe.rows_per_part
        found["format"] = _FORMAT
    if isinstance(settings, BaseModel):
        found[name] = settings.model_dump(mode="json", exclude=_APART.get(name))
    else:
        found[name] = [_with_content(source) for source in settings]
    if stage in ("instruct", "evolve"):
        found["topics"] = list(recipe.topics)
    if stage == "evolve" and recipe.evolve.generations:
        found |= _screened_by(recipe, prompts)
    if name == "decontaminate":
        found |= _compared_by(recipe, prompts, stage)
    if stage == "execute" and recipe.execute.packages:
        found["packages"] = installed(recipe.execute.packages)
    if stage in ASKS:
        role, names = ASKS[stage]
        found["model"] = identity(recipe.model_for(role))
        found["prompts"] = prompts.version(*names)
    return found


def _compared_by(recipe: Recipe, prompts: Prompts, stage: str) -> dict[str, Any]:
    """The benchmarks, and what decides which questions are one of theirs under other words."""
    found: dict[str, Any] = {"benchmarks": _benchmarks(recipe)}
    semantic = recipe.decontaminate.semantic
    if stage == "decontaminate" and semantic is not None:
        found["decontaminate.semantic"] = semantic.model_dump(mode="json")
        found["model"] = identity(recipe.model_for("judge"))
        found["prompts"] = prompts.version("same_task")
    return found


def _benchmarks(recipe: Recipe) -> list[Any]:
    return [spec if isinstance(spec, str) else _with_content(spec) for spec in recipe.benchmarks]


def _screened_by(recipe: Recipe, prompts: Prompts) -> dict[str, Any]:
    """What decides which newborn questions live: the rules, the benchmarks, solver and judge."""
    found: dict[str, Any] = {
        "clean": recipe.clean.model_dump(mode="json"),
        "decontaminate": recipe.decontaminate.model_dump(
            mode="json", exclude=_APART["decontaminate"]
        ),
        "benchmarks": _benchmarks(recipe),
    }
    by = recipe.evolve.fitness.by
    if by == "tests":
        found["execute"] = recipe.execute.model_dump(mode="json", exclude=_APART.get("execute"))
        found["packages"] = installed(recipe.execute.packages) if recipe.execute.packages else {}
    for stage in _TRIED_BY[by]:
        role, names = ASKS[stage]
        found[stage] = getattr(recipe, stage).model_dump(mode="json")
        found[f"models.{role}"] = identity(recipe.model_for(role))
        found[f"prompts.{stage}"] = prompts.version(*names)
    return found


def _with_content(spec: BaseModel) -> dict[str, Any]:
    """The settings of a source or benchmark; a file counts by name and content, not by place."""
    found = spec.model_dump(mode="json")
    path = Path(str(found.get("path", "")))
    if path.is_file():
        with path.open("rb") as file:
            found["path"] = {"file": path.name, "sha256": file_digest(file, "sha256").hexdigest()}
    return found


def identity(model: ModelSettings) -> str:
    """What the answers of a model depend on: its name or file, not where it is served."""
    if model.service in ("vllm", "vllm-offline"):
        return f"vllm:{for_vllm(model)[1]}"
    return Path(model.name).name if model.name.endswith(".gguf") else model.name


def _works(recipe: Recipe, services: Services) -> dict[str, Work]:
    return {
        "seeds": Source(partial(_seeds, recipe)),
        "instruct": _asking("instruct", partial(instruct, topics=recipe.topics), recipe, services),
        "evolve": Population(partial(_evolve, recipe, services), recipe.evolve.expected_children),
        "clean": Columns(partial(clean, settings=recipe.clean)),
        "dedup": Compared(partial(deduplicated, settings=recipe.dedup)),
        "decontaminate": replace(
            _decontaminator(recipe, with_dropped=True), then=_paraphrases(recipe, services)
        ),
        "respond": _asking("respond", respond, recipe, services),
        "testgen": _asking("testgen", testgen, recipe, services),
        "recheck": _decontaminator(recipe, with_dropped=False),
        "execute": EachRow(
            partial(_execute, recipe, services), at_once=2 * services.programs_at_once
        ),
        "judge": _asking("judge", judge, recipe, services),
    }


def _seeds(recipe: Recipe) -> Iterator[Outcome]:
    return read_seeds(recipe.seeds, recipe.seed)


def _asking(name: str, stage: AskingStage, recipe: Recipe, services: Services) -> EachRow:
    role, _ = ASKS[name]
    settings = getattr(recipe, name)

    def work(row: Row) -> Awaitable[Outcome]:
        return stage(row, services.ask, services.prompts, settings, seed=recipe.seed)

    # twice what the endpoint takes at once: its slots never wait for us
    return EachRow(work, at_once=2 * recipe.model_for(role).most_at_once())


async def _evolve(
    recipe: Recipe,
    services: Services,
    rows: Sequence[Row],
    on_outcome: Callable[[Outcome], None],
) -> Made:
    asks: dict[str, Any] = {
        "ask": services.ask,
        "prompts": services.prompts,
        "seed": recipe.seed,
    }
    breeding = Breeding(
        Asked(services.ask, services.prompts, recipe.topics),
        Trial(
            solve=partial(respond, settings=recipe.respond, **asks),
            judge=partial(judge, settings=recipe.judge, **asks),
            test=partial(testgen, settings=recipe.testgen, **asks),
            execute=partial(_execute, recipe, services),
        ),
        decide=_screens(recipe, rows) if recipe.evolve.generations else (),
        at_once=2 * max(recipe.model_for(role).most_at_once() for role in _OF_EVOLUTION),
        on_outcome=on_outcome,
    )
    return await evolve(rows, breeding, recipe.evolve, seed=recipe.seed)


def _screens(recipe: Recipe, rows: Sequence[Row]) -> tuple[Decide, ...]:
    """What drops newborn questions: the rules, and the benchmarks, weighed against `rows`."""
    settings = recipe.decontaminate
    index = index_benchmarks([load_benchmark(spec) for spec in recipe.benchmarks])
    scales = survey([table_of(list(rows), working_schema())], index, settings)
    return (
        partial(clean, settings=recipe.clean),
        partial(decontaminate, scales=scales, settings=settings),
    )


def _execute(recipe: Recipe, services: Services, row: Row) -> Awaitable[Outcome]:
    return execute(row, services.run, recipe.execute)


def _decontaminator(recipe: Recipe, *, with_dropped: bool) -> Surveyed:
    """`decontaminate` against the recipe's benchmarks, which are loaded when first needed.

    With `with_dropped` a row also falls with those that `dedup` dropped as its duplicates.
    """
    settings = recipe.decontaminate

    def survey_and_decide(kept: Tables, dropped: Tables) -> Callable[[pa.Table], Verdicts]:
        index = index_benchmarks([load_benchmark(spec) for spec in recipe.benchmarks])
        duplicates = dropped if with_dropped else lambda: iter(())
        scales = survey(chain(kept(), duplicates()), index, settings)
        fallen = fallen_groups(chain(kept(), duplicates()), scales, settings)
        return partial(decontaminate, scales=scales, settings=settings, fallen=fallen)

    return Surveyed(survey_and_decide)


def _paraphrases(recipe: Recipe, services: Services) -> Further | None:
    """The judge's word on questions that lie near to a benchmark's problem, if that is asked for.

    Of the stages with these settings only `decontaminate` has it: the question does not change.
    """
    settings = recipe.decontaminate.semantic
    if settings is None:
        return None
    embed = services.embed
    known = cache(lambda: known_problems(map(load_benchmark, recipe.benchmarks), embed))

    def look(rows: Sequence[Row]) -> Callable[[Row], Awaitable[Outcome]]:
        questions = list({row["input"]: None for row in rows})
        near = dict(zip(questions, nearest(questions, known(), embed, settings), strict=True))

        def work(row: Row) -> Awaitable[Outcome]:
            its = near[row["input"]]
            return paraphrase(row, its, services.ask, services.prompts, settings, seed=recipe.seed)

        return work

    return Further(look, at_once=2 * recipe.model_for("judge").most_at_once())
