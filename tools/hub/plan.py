"""What publishing a dataset folder would send, and what it would change of what is there.

Only files that a dataset is made of are ever sent: those that the folder's manifest lists and whose
names are a dataset's, and the manifest itself. Of a repository only such files are replaced or
removed; a licence, a script or anything else that somebody put there stays.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha1, sha256
from pathlib import Path

from opencodeinstruct.builder.errors import RunFolderError
from opencodeinstruct.builder.manifest import NAME, Entry, read_manifest, verify

CARD, MANIFEST = "README.md", NAME

_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_OWN = re.compile(
    r"README\.md|manifest\.json|plots/[\w-]+\.png"
    r"|data/(?:empty|domain=\w+/judge=\w+/pass=\w+)/train-\d{5}-of-\d{5}\.parquet",
    re.ASCII,
)
"""The names of a dataset's files; nothing else is sent, whatever a manifest lists."""

_LOADED = re.compile(r"data/.*\.parquet")
"""What a card's globs may match: such a file of somebody else's would be loaded with ours."""


@dataclass(frozen=True, slots=True)
class File:
    """A file to be published: its name in the repository, and its content or where it lies."""

    name: str
    size: int
    sha256: str
    content: bytes | None = None
    path: Path | None = None

    def git_oid(self) -> str:
        """Git's name of the content, by which the Hub knows small files."""
        content = self.content if self.path is None else self.path.read_bytes()
        return sha1(b"blob %d\0" % self.size + (content or b"")).hexdigest()  # git's, not ours


@dataclass(frozen=True, slots=True)
class PublishPlan:
    """The files of `folder` that make up the dataset repository `repo_id`, sorted by name."""

    folder: Path
    repo_id: str
    files: tuple[File, ...]
    rows: int

    @property
    def bytes(self) -> int:
        """Bytes in all."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository; `sha256` is known of large files, `oid` is git's of all."""

    name: str
    size: int
    oid: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit would do: files that are new or differ, and names that go.

    `known`: those of `sent` whose content the repository has already, under whatever name.
    """

    sent: tuple[File, ...] = ()
    known: frozenset[str] = frozenset()
    removed: tuple[str, ...] = ()
    kept: int = 0

    @property
    def nothing(self) -> bool:
        """Whether the repository holds exactly this dataset already."""
        return not (self.sent or self.removed)

    @property
    def bytes(self) -> int:
        """Bytes of the files whose content the repository does not have."""
        return sum(file.size for file in self.sent if file.name not in self.known)

    @property
    def known_bytes(self) -> int:
        """Bytes of the files that only get a name."""
        return sum(file.size for file in self.sent if file.name in self.known)


def publish_plan(folder: Path, repo_id: str, *, card: bytes | None = None) -> PublishPlan:
    """The plan for `folder`; a folder that is not exactly what its manifest says is refused.

    `card`, where given, goes as `README.md` instead of the folder's, and into the manifest.
    """
    if not _REPO_ID.fullmatch(repo_id):
        raise RunFolderError(f"{repo_id}: a dataset repository is called USER/NAME. Correct it.")
    _refuse_changed(folder)
    manifest = read_manifest(folder)
    unknown = [entry.path for entry in manifest.files if not _OWN.fullmatch(entry.path)]
    if unknown:
        raise RunFolderError(
            f"{folder}: its manifest lists {unknown[0]}, which is no part of a dataset and is "
            "never sent. Build it again."
        )
    links = [entry.path for entry in manifest.files if (folder / entry.path).is_symlink()]
    if links:
        raise RunFolderError(f"{folder}: {links[0]} is a link, not a file. Build it again.")
    files = [
        _content(CARD, card)
        if card is not None and entry.path == CARD
        else File(entry.path, entry.bytes, entry.sha256, path=folder / entry.path)
        for entry in manifest.files
    ]
    files.append(_content(MANIFEST, _manifest_with(folder, files)))
    return PublishPlan(
        folder, repo_id, tuple(sorted(files, key=lambda file: file.name)), manifest.rows
    )


def change(plan: PublishPlan, there: Mapping[str, RemoteFile]) -> Change:
    """What a commit of `plan` would change in a repository that holds `there`."""
    contents = {file.sha256 for file in there.values() if file.sha256}
    sent = [file for file in plan.files if not _same(file, there.get(file.name))]
    planned = {file.name for file in plan.files}
    return Change(
        sent=tuple(sent),
        known=frozenset(file.name for file in sent if file.sha256 in contents),
        removed=tuple(sorted(name for name in there if is_ours(name) and name not in planned)),
        kept=len(plan.files) - len(sent),
    )


def is_ours(name: str) -> bool:
    """Whether a file of that name is replaced, and removed where a dataset no longer has it."""
    return bool(_OWN.fullmatch(name) or _LOADED.fullmatch(name))


def entries_of(manifest: bytes) -> Mapping[str, Entry] | None:
    """The files that a published manifest lists, by name; None where it is none of ours."""
    try:
        entries = [Entry(**entry) for entry in json.loads(manifest)["files"]]
    except (ValueError, KeyError, TypeError):
        return None
    return {entry.path: entry for entry in entries}


def _refuse_changed(folder: Path) -> None:
    found = verify(folder)
    if not found.whole:
        faults = {"missing": found.missing, "changed": found.changed, "not its own": found.extra}
        said = "; ".join(
            f"{what}: {', '.join(names[:3])}" for what, names in faults.items() if names
        )
        raise RunFolderError(f"{folder}: is not what its manifest says ({said}). Build it again.")


def _content(name: str, content: bytes) -> File:
    return File(name, len(content), sha256(content).hexdigest(), content=content)


def _manifest_with(folder: Path, files: list[File]) -> bytes:
    """The manifest of `folder` as it is, but for the card that goes instead of the folder's."""
    told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    card = next((file for file in files if file.name == CARD and file.path is None), None)
    if card is not None:
        entries = [Entry(**entry) for entry in told["files"]]
        entries = [
            replace(entry, bytes=card.size, sha256=card.sha256) if entry.path == CARD else entry
            for entry in entries
        ]
        told["files"] = [asdict(entry) for entry in entries]
        told["totals"]["bytes"] = sum(entry.bytes for entry in entries)
    return (json.dumps(told, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()


def _same(file: File, there: RemoteFile | None) -> bool:
    if there is None or there.size != file.size:
        return False
    return there.sha256 == file.sha256 if there.sha256 else there.oid == file.git_oid()
