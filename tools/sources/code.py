"""Find the Python files of a source tree and read the functions in them; git itself is not run."""

import io
import os
import re
import stat
import sysconfig
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from opencodeinstruct.builder.errors import Missing, ProjectError
from opencodeinstruct.tools.outcome import Dropped, Outcome
from opencodeinstruct.tools.stages.seeds import CodeSource, code_seeds, printable, rejected

STDLIB = "stdlib"
MAX_BYTES = 1 << 20  # larger files are data or were generated
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages", "venv"})
_NOT_IN_STDLIB = frozenset({"test", "tests", "idlelib", "turtledemo", "lib2to3", "idle_test"})
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True, slots=True)
class Tree:
    """Python files to read: `name` begins their origins, `files` are relative to `root`, sorted.

    `troubles` are folders that could not be listed and links that lead out of the tree.
    """

    name: str
    root: Path
    files: tuple[str, ...]
    license: str | None
    troubles: tuple[Dropped, ...] = ()


def open_tree(source: CodeSource) -> Tree:
    """The files of `source`; a path that is not there or holds no Python is a `ProjectError`."""
    if source.path == STDLIB:
        root = Path(sysconfig.get_paths()["stdlib"])
        if not root.is_dir():
            raise Missing(f"{root}: this Python has no standard library as files. Name a folder.")
        return _listed(STDLIB, root, source, _NOT_IN_STDLIB, source.license or "PSF-2.0")
    root = Path(source.path).expanduser()
    try:
        is_file, is_folder = root.is_file(), root.is_dir()
    except OSError as error:
        raise ProjectError(f"{root}: {error.strerror}. Correct the path.") from error
    if is_file:
        return Tree("", root.parent, (root.name,), source.license)
    if not is_folder:
        raise ProjectError(f"{root}: no such folder or file. Correct the path of the seeds.")
    commit = head_commit(root)
    name = printable(root.resolve().name) + (f"@{commit[:12]}" if commit else "")
    return _listed(name, root, source, frozenset(), source.license)


def _listed(
    name: str, root: Path, source: CodeSource, skipped: frozenset[str], license: str | None
) -> Tree:
    files: list[str] = []
    troubles: list[Dropped] = []

    def unlisted(error: OSError) -> None:
        place = printable(os.path.relpath(error.filename or root, root))
        troubles.append(rejected(f"{name}:{place}", "unreadable_file", error.strerror or "?"))

    for folder, folders, names in os.walk(root, onerror=unlisted):  # links are not followed
        folders[:] = sorted(
            one for one in folders if one not in _SKIPPED | skipped and not one.startswith(".")
        )
        for file in names:
            relative = Path(folder, file).relative_to(root).as_posix()
            if any(_matches(relative, pattern) for pattern in source.include):
                files.append(relative)
    if not files and not troubles:
        raise ProjectError(
            f"{root}: no file matches {', '.join(source.include)}."
            " Correct the path of the seeds or its include."
        )
    return Tree(name, root, tuple(sorted(files)), license, tuple(troubles))


def _matches(relative: str, pattern: str) -> bool:
    """Whether a glob fits the path or the file's name; `**/` is any folders, also none."""
    name = relative.rsplit("/", 1)[-1]
    patterns = {pattern, pattern.replace("**/", "")}
    return any(fnmatchcase(relative, one) or fnmatchcase(name, one) for one in patterns)


def read_file(tree: Tree, relative: str) -> Iterator[Outcome]:
    """The outcomes of one file of `tree`: one for each function, or one for the whole file."""
    origin = ":".join(part for part in (tree.name, printable(relative)) if part)
    try:
        data = _content(tree.root, relative)
        text = decoded(data)
    except OSError as error:
        yield rejected(origin, "unreadable_file", error.strerror or str(error))
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        yield rejected(origin, "bad_encoding", str(error).split("\n")[0])
    else:
        if len(data) > MAX_BYTES:
            yield rejected(origin, "file_too_large", f"more than {MAX_BYTES} bytes")
        elif not text.strip() and not tree.name:
            yield rejected(origin, "empty_file", "nothing in it")
        else:
            yield from code_seeds(text, origin, tree.license)


def _content(root: Path, relative: str) -> bytes:
    """At most a byte more than is wanted; pipes and devices, which could wait for ever, are not."""
    path = root / relative
    target = Path(os.path.realpath(path))  # of a loop any part of it, which stat then refuses
    if path.is_symlink() and not target.is_relative_to(root.resolve()):
        raise OSError(0, "a link out of the folder")
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(0, "not a regular file")
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def decoded(data: bytes) -> str:
    """Python source as text, as Python reads it: byte order mark, coding cookie, else UTF-8."""
    if len(data) > MAX_BYTES:
        return ""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return io.TextIOWrapper(io.BytesIO(data), encoding).read()


def head_commit(folder: Path) -> str | None:
    """The commit that is checked out in `folder`, read from its `.git`; None if there is none."""
    try:
        git = folder / ".git"
        if git.is_file():  # a worktree or submodule
            git = folder / git.read_text("utf-8").removeprefix("gitdir:").strip()
        head = (git / "HEAD").read_text("utf-8").strip()
        if not head.startswith("ref:"):
            return head if _SHA.fullmatch(head) else None
        common = git / "commondir"
        shared = git / common.read_text("utf-8").strip() if common.is_file() else git
        return _ref(shared, head.removeprefix("ref:").strip())
    except (OSError, UnicodeDecodeError):
        return None


def _ref(git: Path, ref: str) -> str | None:
    loose = git / ref
    if loose.is_file():
        sha = loose.read_text("utf-8").strip()
        return sha if _SHA.fullmatch(sha) else None
    packed = git / "packed-refs"
    for line in packed.read_text("utf-8").splitlines() if packed.is_file() else ():
        sha, _, name = line.partition(" ")
        if name == ref and _SHA.fullmatch(sha):
            return sha
    return None
