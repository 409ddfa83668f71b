"""Reading functions from source trees and datasets of code: spread, in order, each once."""

import os
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.tools.outcome import Kept
from opencodeinstruct.tools.sources.code import head_commit
from tests.seed_files import code, dropped, function, origins, read, tree


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("# -*- coding: latin-1 -*-\n" + function(1).replace("Add", "Añade"), None),
        ("\ufeff" + function(1), None),
        (function(1).replace("\n", "\r\n"), None),
        ("# coding: klingon\n" + function(1), "bad_encoding"),
        (function(1) + "x = 'Añade'", "bad_encoding"),  # Latin-1 that does not say so
        (function(1) + "\0", "does_not_parse"),
        ("x" * (1 << 20) + "\n\n", "file_too_large"),
        ("", "empty_file"),
    ],
)
def test_python_is_read_in_the_encoding_it_declares(
    tmp_path: Path, content: str, reason: str | None
) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(content.encode("utf-8" if content.startswith("\ufeff") else "latin-1"))
    outcomes = code(path)
    assert dropped(outcomes) == ([reason] if reason else [])
    assert all("\r" not in one.row["seed_text"] for one in outcomes if isinstance(one, Kept))


def test_utf_16_python_is_a_rejection(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(function(1), "utf-16")
    assert dropped(code(tmp_path)) == ["bad_encoding"]


def test_a_tree_is_read_in_order_without_links_and_hidden_folders(tmp_path: Path) -> None:
    root = tree(tmp_path / "repo", 4, 1)
    (tmp_path / "outside.py").write_text(function(99))
    (root / "loop").symlink_to(root)
    (root / "self.py").symlink_to(root / "self.py")
    (root / "out.py").symlink_to(tmp_path / "outside.py")
    (root / "twin.py").symlink_to(root / "p0" / "m00.py")
    for hidden in (".venv", "node_modules", "__pycache__"):
        (root / hidden).mkdir()
        (root / hidden / "x.py").write_text(function(50))
    outcomes = code(root, license="MIT")
    assert origins(outcomes) == [f"repo:p{n % 3}/m{n:02}.py:1" for n in (0, 3, 1, 2)]
    assert dropped(outcomes) == ["unreadable_file", "unreadable_file", "duplicate_seed"]
    assert {one.row["license"] for one in outcomes if isinstance(one, Kept)} == {"MIT"}


def test_a_file_name_that_is_no_utf_8_is_shown_with_a_question_mark(tmp_path: Path) -> None:
    name = os.fsdecode(b"na\xefve.py")
    (tmp_path / name).write_text(function(1))
    for limit in (None, 1):
        (origin,) = origins(code(tmp_path, limit=limit))
        assert origin.endswith(":na?ve.py:1")


def test_globs_choose_files(tmp_path: Path) -> None:
    root = tree(tmp_path / "repo", 6, 1)
    assert len(code(root, include=["m0[0-2].py"])) == 3
    assert len(code(root, include=["p0/**/*.py"])) == 2
    with pytest.raises(ProjectError, match=r"no file matches \*\.pyx"):
        code(root, include=["*.pyx"])


def test_a_limit_counts_accepted_seeds_and_spreads_over_files(tmp_path: Path) -> None:
    root = tree(tmp_path / "repo", 12, 9)
    for path in root.rglob("*.py"):
        path.write_text("def no(x):\n    return x\n\n" + path.read_text())
    first = code(root, limit=6)
    assert first == code(root, limit=6)
    assert len(origins(first)) == len({origin.split(":")[1] for origin in origins(first)}) == 6
    assert origins(first) != origins(code(root, limit=6, seed=1))
    assert len(origins(code(root, limit=30))) == 30
    everything = code(root, limit=1000)
    assert sorted(origins(everything)) == sorted(origins(code(root)))
    assert Counter(dropped(everything)) == Counter(dropped(code(root)))


def test_seeds_are_unique_across_sources(tmp_path: Path) -> None:
    root = tree(tmp_path / "repo", 2, 2)
    source = {"kind": "code", "path": str(root)}
    outcomes = read(source, source)
    assert len(origins(outcomes)) == 4
    assert dropped(outcomes) == ["duplicate_seed"] * 4


def test_the_commit_of_a_checkout_is_recorded_without_git(tmp_path: Path) -> None:
    root, sha = tree(tmp_path / "repo", 1, 1), "0123456789abcdef0123456789abcdef01234567"
    assert head_commit(root) is None
    git = root / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    assert head_commit(root) is None  # no commit yet
    (git / "packed-refs").write_text(f"# pack-refs with: peeled\n{sha} refs/heads/main\n")
    assert head_commit(root) == sha
    (git / "refs" / "heads" / "main").write_text(f"{sha[::-1]}\n")
    assert head_commit(root) == sha[::-1]
    (git / "HEAD").write_text(sha)
    assert origins(code(root)) == ["repo@0123456789ab:p0/m00.py:1"]
    worktree = tree(tmp_path / "work", 1, 1)
    (worktree / ".git").write_text(f"gitdir: {git}\n")
    assert head_commit(worktree) == sha


def test_the_standard_library_gives_seeds_of_its_licence() -> None:
    source = {"kind": "code", "path": "stdlib", "include": ["heapq.py", "textwrap.py"], "limit": 4}
    kept = [one.row for one in read(source) if isinstance(one, Kept)]
    assert len(kept) == 4
    assert {row["license"] for row in kept} == {"PSF-2.0"}
    assert {row["seed_origin"].split(":")[1] for row in kept} == {"heapq.py", "textwrap.py"}


@pytest.fixture
def hub_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "stack"
    folder.mkdir()
    for part in range(2):
        texts = [
            "\n".join(function(n) for n in (3 * k, 3 * k + 1))
            for k in range(part * 40, part * 40 + 40)
        ]
        table = pa.table(
            {
                "content": [*texts, "def (", None],
                "licenses": [["MIT", "Apache-2.0"]] * 41 + [None],
                "size": list(range(42)),
            }
        )
        pq.write_table(table, folder / f"train-0000{part}-of-00002.parquet")
    return folder


def test_a_dataset_of_code_is_streamed_row_by_row(hub_folder: Path) -> None:
    source = {"kind": "hub-code", "repo": str(hub_folder), "license_column": "licenses"}
    outcomes = read(source)
    assert len(origins(outcomes)) == 160
    assert origins(outcomes)[0] == "stack:0/0:1"
    assert outcomes[0].row["license"] == "Apache-2.0 AND MIT"
    assert Counter(dropped(outcomes)) == {"does_not_parse": 2, "wrong_type": 2}


def test_a_limit_draws_rows_of_a_dataset_by_seed(hub_folder: Path) -> None:
    source = {"kind": "hub-code", "repo": str(hub_folder), "limit": 70}
    first = read(source)
    assert first == read(source)
    assert origins(first) != origins(read(source, seed=1))
    assert {origin.split("/")[0] for origin in origins(first)} == {"stack:0", "stack:1"}
    assert len(origins(first)) == len(set(origins(first))) == 70


def test_a_dataset_without_the_column_or_split_is_an_error(
    hub_folder: Path, tmp_path: Path
) -> None:
    repo = {"kind": "hub-code", "repo": str(hub_folder)}
    with pytest.raises(ProjectError, match=r"no column 'contents'.*Did you mean 'content'"):
        read({**repo, "column": "contents"})
    with pytest.raises(ProjectError, match="split 'test'"):
        read({**repo, "split": "test"})
    with pytest.raises(ProjectError, match="neither a folder"):
        read({**repo, "repo": f"{tmp_path}/absent"})
