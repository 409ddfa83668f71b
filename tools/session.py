"""A run from recipe to dataset: checks the folder, opens the services, drives, builds.

What the command line, the preview and tests call.
"""

import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from opencodeinstruct.builder.errors import RunFolderError, ServiceError
from opencodeinstruct.builder.files import write_json, write_text
from opencodeinstruct.tools.llm.asking import OnAnswer, asking
from opencodeinstruct.tools.llm.embedding import embedder
from opencodeinstruct.tools.llm.oversight import Oversight
from opencodeinstruct.tools.llm.servers import Servers
from opencodeinstruct.tools.llm.weights import Progress, no_progress
from opencodeinstruct.tools.plan import (
    STAGES,
    Services,
    decided_by,
    fingerprints,
    no_embedding,
    plan,
)
from opencodeinstruct.tools.ports import Embed, Program, Run, RunResult
from opencodeinstruct.tools.prompt import Prompts, load_prompts
from opencodeinstruct.tools.recipe import ROLES, Recipe, dump, load_recipe
from opencodeinstruct.tools.run_folder import RunFolder, StageCounts
from opencodeinstruct.tools.runner import drive
from opencodeinstruct.tools.sandbox import Sandbox
from opencodeinstruct.tools.steps import Pace, Step
from opencodeinstruct.tools.watch import Watch

_LONGEST_SHOWN = 80  # characters of a setting in an error


@dataclass(frozen=True, slots=True)
class Session:
    """A recipe, the prompts it uses and the folder of its run."""

    recipe: Recipe
    prompts: Prompts
    folder: RunFolder

    @property
    def recipe_hash(self) -> str:
        """12 hex digits of all that decides what the run makes."""
        return fingerprints(self.recipe, self.prompts)[STAGES[-1]]


def open_session(recipe: Path, out: Path | None = None, limit: int | None = None) -> Session:
    """The session of the recipe at `recipe`; its folder is `out`, by default `runs/NAME`.

    With `limit` every source gives so many seeds at most, whatever the recipe says.
    """
    loaded = load_recipe(recipe)
    if limit is not None:
        sources = tuple(source.model_copy(update={"limit": limit}) for source in loaded.seeds)
        loaded = loaded.model_copy(update={"seeds": sources})
    return session_of(loaded, out or Path("runs") / loaded.name)


def session_of(recipe: Recipe, out: Path) -> Session:
    """The session of `recipe` in the folder `out`, where it has as many generations as it took."""
    folder = RunFolder(out, STAGES)
    return Session(_as_it_came(recipe, folder), load_prompts(recipe.prompts), folder)


def _as_it_came(recipe: Recipe, folder: RunFolder) -> Recipe:
    """`recipe` with the generations that its run has come to for the sake of `num_records`."""
    if recipe.num_records is None:
        return recipe
    decided = _read_record(folder.path / "stages.json").get("evolve", {}).get("decided_by", {})
    recorded = dict(decided.get("evolve") or {}).get("generations")
    if not isinstance(recorded, int) or recorded <= recipe.evolve.generations:
        return recipe
    evolve = recipe.evolve.model_copy(update={"generations": recorded})
    return recipe.model_copy(update={"evolve": evolve})


def claim_folder(session: Session, *, redo: bool, anew_from: str | None = None) -> list[str]:
    """Make the run's folder this recipe's own; the stages whose former output was removed.

    Stages that another recipe made are refused (`RunFolderError` names the first difference),
    or with `redo` removed: answers that still fit are kept in the journal. Those from `anew_from`
    on are to be made again anyway, so they are removed without asking.
    """
    folder = session.folder
    prints = fingerprints(session.recipe, session.prompts)
    now = {
        stage: {
            "fingerprint": prints[stage],
            "decided_by": decided_by(session.recipe, session.prompts, stage),
        }
        for stage in STAGES
    }
    record = folder.path / "stages.json"
    removed: list[str] = []
    changed = _first_change(_read_record(record), now)
    if changed is not None and any(
        folder.stage(stage).path.exists() for stage in STAGES[STAGES.index(changed) :]
    ):
        meant = anew_from in STAGES and STAGES.index(changed) >= STAGES.index(anew_from)
        if not redo and not meant:
            raise RunFolderError(
                f"{folder.path}: made by another recipe: {_difference(record, now, changed)}. "
                f"Give another folder with --out, or --redo to make it anew from `{changed}` on."
            )
        removed = folder.remove_from(changed)
    write_json(record, now)
    write_text(
        folder.path / "recipe.yaml",
        f"# The recipe as resolved; hash {session.recipe_hash}, prompts "
        f"{session.prompts.version()}\n"
        + yaml.safe_dump(dump(session.recipe), sort_keys=False, allow_unicode=True),
    )
    return removed


def _read_record(record: Path) -> dict[str, dict[str, Any]]:
    """By stage its fingerprint and what decided it; empty where nothing is recorded."""
    if not record.exists():
        return {}
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
        return {
            str(stage): {
                "fingerprint": str(its["fingerprint"]),
                "decided_by": dict(its["decided_by"]),
            }
            for stage, its in found.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunFolderError(
            f"{record}: is damaged ({error!r}). Delete it and add --redo to make the run anew: "
            "answers are kept in the journal."
        ) from error


def _first_change(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    for stage in STAGES:
        if before.get(stage, {}).get("fingerprint") != now[stage]["fingerprint"]:
            return stage
    return None


def _difference(record: Path, now: Mapping[str, Any], stage: str) -> str:
    recorded = _read_record(record)
    if stage not in recorded:
        return f"{record.name} does not say which"
    before = _flat(recorded[stage]["decided_by"])
    after = _flat(json.loads(json.dumps(now[stage]["decided_by"])))
    for key in sorted(set(before) | set(after)):
        if before.get(key) != after.get(key):
            was, this = _shown(before, key), _shown(after, key)
            return f"{key} was {was} and is now {this}"
    return f"`{stage}` had other settings"


def _shown(values: Mapping[str, Any], key: str) -> str:
    text = "not set" if values.get(key) is None else repr(values[key])
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = {str(index): item for index, item in enumerate(value)}.items()
    else:
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, item in items:
        flat.update(_flat(item, f"{prefix}.{key}" if prefix else str(key)))
    return flat


@asynccontextmanager
async def services(
    session: Session,
    *,
    stages: Sequence[str] = STAGES,
    on_answer: OnAnswer | None = None,
    progress: Progress = no_progress,
    oversight: Oversight | None = None,
) -> AsyncIterator[Services]:
    """The services that `stages` of the session need, closed afterwards.

    The walls are built and tried at once, if programs are still to be executed: a run that could
    not execute them in the end is refused before it pays for an answer. So is one whose embedding
    model cannot be loaded.
    """
    semantic = session.recipe.decontaminate.semantic
    embed: Embed = no_embedding
    if semantic and _is_left("decontaminate", stages, session):
        embed = embedder(semantic.model)
    workers = len(os.sched_getaffinity(0))
    models = {role: session.recipe.model_for(role) for role in ROLES}
    servers: list[Servers] = []
    async with AsyncExitStack() as stack:
        ask = await stack.enter_async_context(
            asking(
                models,
                session.folder.journal,
                progress=progress,
                on_answer=on_answer,
                oversight=oversight,
                on_servers=servers.append,
            )
        )
        run: Run = _not_needed
        by_tests = session.recipe.evolve.fitness.by == "tests" and session.recipe.evolve.generations
        if _is_left("execute", stages, session) or (
            by_tests and _is_left("evolve", stages, session)
        ):
            run = await stack.enter_async_context(
                Sandbox(workers=workers, packages=session.recipe.execute.packages)
            )
        yield Services(ask, run, session.prompts, workers, embed, servers[0])


def _is_left(name: str, stages: Sequence[str], session: Session) -> bool:
    return name in stages and not session.folder.stage(name).is_complete()


async def _not_needed(program: Program) -> RunResult:
    raise ServiceError("The sandbox was not started: the stage `execute` was complete.")


async def run_stages(
    session: Session, stages: Sequence[str], services: Services, watch: Watch, pace: Pace
) -> list[StageCounts]:
    """Run those of the session's stages that are named, in order, where not complete yet."""
    steps = [step for step in plan(session.recipe, services) if step.name in stages]
    return await drive(_from_first(steps, session), session.folder, watch, pace)


def _from_first(steps: Sequence[Step], session: Session) -> Sequence[Step]:
    require_stages(session, steps[0].name)
    return steps


def require_stages(session: Session, name: str) -> None:
    """Raise `RunFolderError` unless every stage before `name` (a stage or `build`) is complete."""
    before = STAGES[: STAGES.index(name)] if name in STAGES else STAGES
    for stage in before:
        if not session.folder.stage(stage).is_complete():
            raise RunFolderError(
                f"{session.folder.path}: `{name}` needs the stage `{stage}`, which is "
                "not complete. Run that first, or `opencodeinstruct run`."
            )
