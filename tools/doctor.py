"""What works on this machine: one line for each thing a run may need, and what to do if not."""

import asyncio
import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from huggingface_hub import get_token
from huggingface_hub.constants import ENDPOINT

from opencodeinstruct.builder.errors import Missing, ProjectError
from opencodeinstruct.tools.llm.asking import probe
from opencodeinstruct.tools.llm.model_settings import ModelSettings
from opencodeinstruct.tools.packages import installed
from opencodeinstruct.tools.ports import Refused
from opencodeinstruct.tools.sandbox import check_walls

_NEEDED_BYTES = 2 * 2**30  # a run, its dataset and one fetched model

State = Literal["ok", "note", "fault"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `note` is worth knowing, `fault` stops a run."""

    what: str
    state: State
    said: str


def examine(model: ModelSettings, folder: Path, packages: Sequence[str] = ()) -> list[Finding]:
    """Everything a run with `model` in `folder` needs, tried for real.

    `packages` are those that its programs may import.
    """
    imports = [_packages(packages)] if packages else []
    return [_python(), _cores(), _disk(folder), _walls(), *imports, _hub(), _model(model)]


def _python() -> Finding:
    said = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Finding("Python", "ok", said)


def _cores() -> Finding:
    count = len(os.sched_getaffinity(0))
    return Finding("cores", "ok", f"{count} for the embedded model and the sandbox")


def _disk(folder: Path) -> Finding:
    at = folder.absolute()
    while not at.exists():
        at = at.parent
    free = shutil.disk_usage(at).free
    said = f"{free / 2**30:.1f} GiB free at {at}"
    if free < _NEEDED_BYTES:
        return Finding("disk", "note", f"{said}: a run and a fetched model may need 2 GiB.")
    return Finding("disk", "ok", said)


def _walls() -> Finding:
    walls = check_walls()
    if walls.ok:
        return Finding("sandbox", "ok", f"the walls hold: {walls.how}")
    return Finding("sandbox", "fault", f"{walls.reason}. {walls.advice}")


def _packages(names: Sequence[str]) -> Finding:
    try:
        versions = installed(names)
    except Missing as error:
        return Finding("packages", "fault", str(error))
    said = ", ".join(f"{name} {version}" for name, version in versions.items())
    return Finding("packages", "ok", f"programs may import {said}")


def _hub() -> Finding:
    if get_token():
        return Finding("Hub login", "ok", f"a token for {ENDPOINT} is set")
    return Finding("Hub login", "note", "none; only publishing needs it. Run `hf auth login`.")


def _model(model: ModelSettings) -> Finding:
    what = f"model {model.name}"
    try:
        found = asyncio.run(probe(model))
    except (ProjectError, Refused) as error:
        return Finding(what, "fault", str(error))
    if found.tokens_per_second is None:
        return Finding(what, "ok", f"answers; {found.requests} requests in {found.seconds:.1f} s")
    return Finding(
        what,
        "ok",
        f"answers at {found.tokens_per_second:.0f} tokens/s with {found.requests} requests at once",
    )
