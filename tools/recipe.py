"""The run as one validated YAML file.

A recipe names its seeds, its models, the benchmarks to keep out and the settings of each stage.
Whatever cannot be run as written is refused before anything starts, with the key and what to do.
Relative paths in a recipe are relative to the recipe's own folder.
"""

from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from opencodeinstruct.builder.errors import Missing, ProjectError, RecipeError
from opencodeinstruct.builder.schema import working_schema
from opencodeinstruct.tools.benchmarks.load import BenchmarkFile, load_benchmark
from opencodeinstruct.tools.llm.model_settings import ModelSettings
from opencodeinstruct.tools.ports import Role
from opencodeinstruct.tools.recipe_file import plain, read_yaml, with_absolute_paths
from opencodeinstruct.tools.refusal import refusal, refuse_truth_for_numbers
from opencodeinstruct.tools.stages.build import BuildSettings
from opencodeinstruct.tools.stages.clean import CleanSettings
from opencodeinstruct.tools.stages.decontaminate import DecontaminateSettings
from opencodeinstruct.tools.stages.dedup import DedupSettings
from opencodeinstruct.tools.stages.evolve import EvolveSettings
from opencodeinstruct.tools.stages.execute import ExecuteSettings
from opencodeinstruct.tools.stages.ideas import TOPICS
from opencodeinstruct.tools.stages.instruct import InstructSettings
from opencodeinstruct.tools.stages.judge import JudgeSettings
from opencodeinstruct.tools.stages.respond import RespondSettings
from opencodeinstruct.tools.stages.seeds import Source
from opencodeinstruct.tools.stages.testgen import TestgenSettings

ROLES: tuple[Role, ...] = get_args(Role)


class Recipe(BaseModel):
    """Everything that decides what a run makes, and where it asks for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # of the run and its folder; the file's own name where it is absent
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$")
    seed: int = Field(default=0, ge=0, lt=2**31)  # of every draw and of every request
    # `embedded`, a .gguf file, `vllm:NAME`, `vllm-offline:NAME`, `http://host/v1#NAME`, a mapping
    model: ModelSettings = Field(default_factory=lambda: ModelSettings.model_validate("embedded"))
    # another model for some roles: generator, solver, tester, judge
    models: dict[Role, ModelSettings] = Field(default_factory=dict)
    prompts: Path | None = None  # a folder whose files replace the prompts of the same names
    # rows of the dataset, exactly: evolution goes on until so many are accepted
    num_records: int | None = Field(default=None, ge=1)
    rows_per_part: int = Field(default=1000, ge=1, le=1_000_000)  # what a full disk can cost
    # kept out: names (docs/contamination.md), or files of your own with name, path and fields
    benchmarks: tuple[str | BenchmarkFile, ...] = ("humaneval",)

    # what a question can be about; each is given one, by which parents are chosen. Empty: none is
    topics: tuple[str, ...] = TOPICS

    # where seeds come from, see below
    seeds: tuple[Source, ...] = Field(min_length=1)
    instruct: InstructSettings = InstructSettings()
    evolve: EvolveSettings = EvolveSettings()
    clean: CleanSettings = CleanSettings()
    dedup: DedupSettings = DedupSettings()
    decontaminate: DecontaminateSettings = DecontaminateSettings()
    respond: RespondSettings = RespondSettings()
    testgen: TestgenSettings = TestgenSettings()
    execute: ExecuteSettings = ExecuteSettings()
    judge: JudgeSettings = JudgeSettings()
    build: BuildSettings = BuildSettings()

    @model_validator(mode="after")
    def _tests_can_suffice(self) -> "Recipe":
        least, most = self.testgen.at_least, self.testgen.count
        if least > most:
            raise ValueError(
                f"testgen.at_least ({least}) is more than testgen.count ({most}): no row could be "
                "kept. Lower it"
            )
        return self

    @field_validator("topics")
    @classmethod
    def _different_topics(cls, topics: tuple[str, ...]) -> tuple[str, ...]:
        if len({topic.strip().lower() for topic in topics} - {""}) != len(topics):
            raise ValueError("a topic is blank or stands there twice. Remove it")
        return topics

    @model_validator(mode="after")
    def _columns_are_there(self) -> "Recipe":
        texts = [field.name for field in working_schema() if field.type == pa.string()]
        named = {
            "dedup.column": (self.dedup.column,),
            "decontaminate.columns": self.decontaminate.columns,
        }
        for key, columns in named.items():
            for column in columns:
                if column not in texts:
                    raise ValueError(
                        f"{key}: no column of text is called {column!r}; there are "
                        + ", ".join(texts)
                    )
        return self

    def model_for(self, role: Role) -> ModelSettings:
        """The model that serves `role`."""
        return self.models.get(role, self.model)


def load_recipe(path: Path) -> Recipe:
    """The recipe in the YAML file `path`; a `RecipeError` names the key that cannot be used."""
    given = with_absolute_paths(
        read_yaml(path), path.resolve().parent, ("path", "prompts", "against")
    )
    return recipe_of(given, path)


def recipe_of(given: dict[str, Any], path: Path) -> Recipe:
    """The recipe that the mapping `given`, read from `path`, describes."""
    given = {"name": path.stem, **given}
    try:
        recipe = Recipe.model_validate(given)
    except ValidationError as error:
        raise refusal(path, error, Recipe) from error
    refuse_truth_for_numbers(given, dump(recipe), path)
    _check_places(recipe, path)
    return recipe


def _check_places(recipe: Recipe, path: Path) -> None:
    if recipe.prompts is not None and not recipe.prompts.is_dir():
        raise RecipeError(path, f"prompts: {recipe.prompts} is not a folder. Correct or remove it.")
    for index, source in enumerate(recipe.seeds):
        place = getattr(source, "path", None)
        if place and not _is_there(place, source.kind):
            raise RecipeError(
                path,
                f"seeds.{index}.path: {place} is not there. Correct the path; a relative one "
                f"starts at {path.resolve().parent}.",
            )
    against = recipe.dedup.against
    if against is not None and not against.exists():
        raise RecipeError(path, f"dedup.against: {against} is not there. Correct or remove it.")
    _check_benchmarks(recipe, path)


def _check_benchmarks(recipe: Recipe, path: Path) -> None:
    """Load each once: a name or file that is wrong must not be found after the models are paid."""
    names: set[str] = set()
    for index, spec in enumerate(recipe.benchmarks):
        try:
            name = load_benchmark(spec).name
        except Missing:
            raise
        except ProjectError as error:
            raise RecipeError(path, f"benchmarks.{index}: {error}") from error
        if name in names:
            raise RecipeError(path, f"benchmarks.{index}: {name!r} stands there twice. Remove one.")
        names.add(name)


def _is_there(place: str, kind: str) -> bool:
    named = place == "stdlib" or "://" in place or (kind == "taco" and not place.startswith("/"))
    return named or Path(place).exists()


def dump(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain values, every default filled in."""
    return {key: plain(value) for key, value in recipe.model_dump(mode="json").items()}
