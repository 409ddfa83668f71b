"""What publishing a dataset folder would send: its files, their sizes, the subsets they make up."""

import re
from dataclasses import dataclass
from pathlib import Path

from opencodeinstruct.builder.errors import RunFolderError
from opencodeinstruct.builder.manifest import Manifest, read_manifest, verify

_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PublishPlan:
    """The files of `folder` that would go to the dataset repository `repo_id`, sizes in bytes."""

    folder: Path
    repo_id: str
    files: tuple[tuple[str, int], ...]
    rows: int

    @property
    def bytes(self) -> int:
        """Bytes in all."""
        return sum(size for _, size in self.files)


def publish_plan(folder: Path, repo_id: str) -> PublishPlan:
    """The plan for `folder`; a folder that is not exactly what its manifest says is refused."""
    if not _REPO_ID.fullmatch(repo_id):
        raise RunFolderError(f"{repo_id}: a dataset repository is called USER/NAME. Correct it.")
    found = verify(folder)
    if not found.whole:
        faults = {"missing": found.missing, "changed": found.changed, "not its own": found.extra}
        said = "; ".join(
            f"{what}: {', '.join(names[:3])}" for what, names in faults.items() if names
        )
        raise RunFolderError(f"{folder}: is not what its manifest says ({said}). Build it again.")
    manifest: Manifest = read_manifest(folder)
    files = tuple((entry.path, entry.bytes) for entry in manifest.files)
    return PublishPlan(folder, repo_id, files, manifest.rows)
