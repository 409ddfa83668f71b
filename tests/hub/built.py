"""Dataset folders for tests of the Hub, and the command line as a process that talks to it."""

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi

from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.builder.manifest import read_manifest
from opencodeinstruct.builder.schema import dataset_schema, table_of
from opencodeinstruct.dataset_card.examples import HERE, for_repository
from opencodeinstruct.tools.hub.plan import publish_plan
from opencodeinstruct.tools.hub.publish import Published, PublishSettings, publish
from opencodeinstruct.tools.hub.remote import Remote
from opencodeinstruct.tools.stages.build import BuildFacts, BuildSettings, build
from tests.hub.clients import ROOT, Done, run
from tests.hub.server import LocalHub


def built(folder: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """A finished dataset of `rows` in `folder`, which it replaces."""
    table = table_of(list(rows), dataset_schema())
    build([table], folder, BuildFacts("Local"), BuildSettings())
    return folder


_PROGRAM = """
import sys, typer
from opencodeinstruct.tools.endings import as_process
from opencodeinstruct.tools.publish_command import publish_command
app = typer.Typer(pretty_exceptions_enable=False)
app.command()(publish_command)
sys.exit(as_process(app))
"""


def command(*arguments: str | Path) -> list[str | Path]:
    """The command `publish` as the command line has it, without what other commands import."""
    return [sys.executable, "-c", _PROGRAM, *arguments]


def publish_command(
    hub: LocalHub, folder: Path, *options: str, repo: str = "me/data", **how: Any
) -> Done:
    """`opencodeinstruct publish FOLDER REPO …` as a process of its own, to its end."""
    return run(command(folder, repo, *options), hub.environment(**how), cwd=ROOT)


@dataclass(frozen=True, slots=True)
class Attempt:
    """How a publication within this process ended: what it did, or the error's one line."""

    done: Published | None
    said: str

    def ok(self) -> Published:
        """What it did; it is an error here if it failed."""
        assert self.done is not None, self.said
        return self.done


def attempt(
    hub: LocalHub, folder: Path, *, repo: str = "me/data", token: str | bool = "writer", **how: Any
) -> Attempt:
    """Publish with the official client, here: a process of its own takes seconds to start."""
    card = for_repository((folder / "README.md").read_text(encoding="utf-8"), repo).encode()
    remote = Remote(repo, waits=(0.01,) * 4, api=HfApi(endpoint=hub.url, token=token))
    try:
        plan = publish_plan(folder, repo, card=card)
        done = publish(plan, remote, PublishSettings(**{"xet": False, **how}))
    except ProjectError as error:
        assert "\n" not in str(error)
        return Attempt(None, str(error))
    return Attempt(done, "")


def start_publish(hub: LocalHub, folder: Path, **how: Any) -> "subprocess.Popen[bytes]":
    """The same, not waited for."""
    return subprocess.Popen(
        [str(part) for part in command(folder, "me/data", "--tag", "v2")],
        env=hub.environment(**how),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def expected(folder: Path, repo: str = "me/data") -> dict[str, bytes]:
    """What a repository should hold of the dataset in `folder`, but for the manifest."""
    names = [entry.path for entry in read_manifest(folder).files]
    files = {name: (folder / name).read_bytes() for name in names}
    files["README.md"] = files["README.md"].replace(HERE.encode(), repo.encode())
    return files


def published(hub: LocalHub, repo: str = "me/data", revision: str = "main") -> dict[str, bytes]:
    """What a repository holds, but for the manifest and what the Hub put there."""
    files = hub.read(repo, revision)
    return {
        name: content
        for name, content in files.items()
        if name not in ("manifest.json", ".gitattributes")
    }
