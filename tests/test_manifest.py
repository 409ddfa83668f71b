"""What a finished folder holds, and how it differs from that."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from opencodeinstruct.builder.errors import RunFolderError
from opencodeinstruct.builder.manifest import read_manifest, verify, write_manifest
from opencodeinstruct.builder.shards import write_shards
from tests.rows import finished_table


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with five rows, a card and its manifest."""
    shards = write_shards([finished_table(5)], tmp_path)
    (tmp_path / "README.md").write_text("# Card\n")
    write_manifest(tmp_path, {"rows_per_file": 5}, shards)
    return tmp_path


def some_shard(folder: Path) -> str:
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob("data/**/*.parquet"))[
        0
    ]


def test_the_manifest_tells_files_totals_and_settings(folder: Path) -> None:
    content = json.loads((folder / "manifest.json").read_text())
    assert content["totals"]["rows"] == 5
    assert content["settings"] == {"rows_per_file": 5}
    assert [entry["path"] for entry in content["files"]] == sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    )
    assert {entry["path"]: entry["rows"] for entry in content["files"]}["README.md"] is None
    assert content["totals"]["bytes"] == sum(
        (folder / entry["path"]).stat().st_size for entry in content["files"]
    )


def test_known_shards_or_not_the_manifest_has_the_same_bytes(folder: Path) -> None:
    before = (folder / "manifest.json").read_bytes()
    write_manifest(folder, {"rows_per_file": 5})
    assert (folder / "manifest.json").read_bytes() == before


def test_what_was_written_is_read_and_whole(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert manifest.rows == 5
    assert verify(folder).whole


def remove(folder: Path) -> None:
    (folder / some_shard(folder)).unlink()


def flip(folder: Path) -> None:
    path = folder / some_shard(folder)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(folder: Path) -> None:
    path = folder / some_shard(folder)
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("harm", "missing", "changed", "extra"),
    [
        (remove, True, False, ()),
        (flip, False, True, ()),  # one bit, the same size
        (cut, False, True, ()),
        (
            lambda folder: (folder / "data" / ".x.writing").touch(),
            False,
            False,
            ("data/.x.writing",),
        ),
        (lambda folder: (folder / "empty").mkdir(), False, False, ()),  # a folder holds nothing
        (lambda folder: (folder / "l").symlink_to("nowhere"), False, False, ("l",)),
    ],
)
def test_a_difference_is_told_exactly(
    folder: Path,
    harm: Callable[[Path], object],
    missing: bool,
    changed: bool,
    extra: tuple[str, ...],
) -> None:
    shard = some_shard(folder)
    harm(folder)
    verdict = verify(folder)
    assert verdict.missing == ((shard,) if missing else ())
    assert verdict.changed == ((shard,) if changed else ())
    assert verdict.extra == extra
    assert verdict.whole is not (missing or changed or bool(extra))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"version": 1}',
        '{"version": 2, "files": [], "settings": {}}',  # a later program's
        '{"version": 1, "files": [{"path": "a"}], "settings": {}}',
        '{"version": 1, "settings": {}, "files": '
        '[{"path": "../a", "rows": 1, "bytes": 1, "sha256": ""}]}',  # not inside the folder
        '{"version": 1, "settings": {}, "files": '
        '[{"path": 1, "rows": 1, "bytes": 1, "sha256": ""}]}',
        '{"version": 1, "files": 7, "settings": {}}',
        "\udcff",
    ],
)
def test_a_broken_manifest_is_one_clear_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(RunFolderError, match="is no manifest") as caught:
        verify(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_manifest_is_not_finished(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"no manifest\.json"):
        verify(tmp_path)
