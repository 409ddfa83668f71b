"""Repositories of a local Hub: commits, refs and blobs.

Commits lie in memory, blobs on disk by their SHA-256. A commit is all of a repository's files at
one moment; refs are names of commits, so every change is one assignment under the lock.
"""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.hub.xet import XetFolder

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
LARGE = (".parquet", ".png", ".jpg", ".arrow", ".zst", ".gz", ".zip", ".bin", ".safetensors")
"""Files that are stored apart from git whatever their size, as .gitattributes of the Hub say."""

GITATTRIBUTES = "".join(f"*{end} filter=lfs diff=lfs merge=lfs -text\n" for end in LARGE).encode()
LARGE_SIZE = 10 << 20


@dataclass(frozen=True, slots=True)
class Node:
    """One file of a commit: `oid` is git's name of it, `large` whether git holds a pointer only."""

    sha256: str
    size: int
    oid: str
    large: bool


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit with all files of the repository as they are after it."""

    oid: str
    parent: str | None
    title: str
    message: str
    date: datetime
    files: Mapping[str, Node]


@dataclass(slots=True)
class Repo:
    """A dataset repository; branches, tags and pulls (`refs/pr/N`) name commits.

    `bases`, `titles` and `states` are those of the pull requests.
    """

    id: str
    private: bool = False
    gated: bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pulls: dict[str, str] = field(default_factory=dict)
    bases: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def at(self, revision: str) -> Commit | None:
        """The commit that `revision` names: a branch, a tag, a pull request or a hash."""
        for names in (self.branches, self.tags, self.pulls, {one: one for one in self.commits}):
            if revision in names:
                return self.commits[names[revision]]
        return None

    def history(self, commit: Commit | None) -> Iterator[Commit]:
        """`commit` and those before it, newest first."""
        while commit is not None:
            yield commit
            commit = self.commits[commit.parent] if commit.parent else None


class Store:
    """All repositories of a local Hub, and the blobs that they share, below `root`."""

    def __init__(self, root: Path) -> None:
        self.root, self.repos = root, dict[str, Repo]()
        self.blobs, self.parts = root / "blobs", root / "parts"
        self.xet = XetFolder(root / "xet")
        self.lock = threading.RLock()
        self._clock = datetime(2026, 1, 1, tzinfo=UTC)
        for folder in (self.blobs, self.parts):
            folder.mkdir(parents=True, exist_ok=True)

    def create(self, repo_id: str, *, private: bool = False, gated: bool = False) -> Repo:
        """A new repository with the first commit that the Hub gives every one."""
        with self.lock:
            repo = self.repos[repo_id] = Repo(repo_id, private, gated)
            self.commit(repo, "main", {".gitattributes": self.add(GITATTRIBUTES)}, "initial commit")
            return repo

    def add(self, content: bytes, *, large: bool = False) -> Node:
        """`content` is among the blobs; its node."""
        sha256 = hashlib.sha256(content).hexdigest()
        path = self.blobs / sha256
        if not path.exists():
            beside = path.with_name(f"{sha256}.{threading.get_ident()}")
            beside.write_bytes(content)
            beside.replace(path)
        return self.pointer(sha256, len(content)) if large else self._plain(sha256, content)

    def _plain(self, sha256: str, content: bytes) -> Node:
        return Node(sha256, len(content), git_oid(content), large=False)

    def pointer(self, sha256: str, size: int) -> Node:
        """The node of a large file of that content."""
        text = POINTER.format(sha256=sha256, size=size).encode()
        return Node(sha256, size, git_oid(text), large=True)

    def has(self, sha256: str) -> bool:
        """Whether the content is there, as a blob or in Xet's folder."""
        return (self.blobs / sha256).exists() or self.xet.hash_of(sha256) is not None

    def path(self, node: Node) -> Path:
        """The file that holds the content of `node`, put together from Xet's chunks if need be."""
        path = self.blobs / node.sha256
        with self.lock:
            if not path.exists():
                self.xet.restore(node.sha256, node.size, path)
        return path

    def read(self, node: Node) -> bytes:
        """The content of `node`."""
        return self.path(node).read_bytes()

    def commit(
        self,
        repo: Repo,
        ref: str,
        changes: Mapping[str, Node | None],
        title: str,
        message: str = "",
    ) -> Commit:
        """A commit on the branch or pull request `ref`; None deletes a file or a folder."""
        with repo.lock, self.lock:
            names = repo.pulls if ref.startswith("refs/pr/") else repo.branches
            parent = repo.commits[names[ref]] if ref in names else None
            files = dict(parent.files) if parent else {}
            for path, node in changes.items():
                if node is None:
                    folder = path.rstrip("/") + "/"
                    files = {
                        name: kept
                        for name, kept in files.items()
                        if name != path and not name.startswith(folder)
                    }
                else:
                    files[path] = node
            self._clock += timedelta(seconds=1)
            date, before = self._clock, parent.oid if parent else None
            told = [before, title, message, date.isoformat(), sorted(files), len(repo.commits)]
            oid = hashlib.sha1(json.dumps([repo.id, *told]).encode()).hexdigest()
            made = Commit(oid, before, title, message, date, files)
            repo.commits[oid] = made
            names[ref] = oid
            return made


def git_oid(content: bytes) -> str:
    """Git's name of a blob."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def is_large(path: str, size: int) -> bool:
    """Whether the Hub stores a file apart from git."""
    return path.endswith(LARGE) or size > LARGE_SIZE
