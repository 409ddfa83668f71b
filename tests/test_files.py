"""Files appear whole or not at all."""

import errno
import json
from pathlib import Path

import pytest

from opencodeinstruct.builder.errors import Missing, RunFolderError
from opencodeinstruct.builder.files import write_bytes, write_json, write_text, writing


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_there_with_exactly_its_text_and_nothing_beside_it(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b.txt", "été\r\nline\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == "été\r\nline\n".encode()
    assert names_in(tmp_path / "a") == ["b.txt"]


def test_a_failure_leaves_the_former_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "b.txt"
    write_bytes(path, b"old")
    with pytest.raises(KeyError), writing(path) as beside:
        beside.write_bytes(b"half")
        raise KeyError
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["b.txt"]


def test_what_a_kill_left_beside_a_file_does_not_stay(tmp_path: Path) -> None:
    with pytest.raises(KeyError), writing(tmp_path / "b.txt") as beside:
        beside_path = beside
        raise KeyError
    beside_path.write_bytes(b"left by a kill, and longer than the new text")
    write_text(tmp_path / "b.txt", "new")
    assert (tmp_path / "b.txt").read_text() == "new"
    assert names_in(tmp_path) == ["b.txt"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_to_be_full(tmp_path: Path, number: int) -> None:
    with (
        pytest.raises(Missing, match=r"b\.txt: no space left.*run again"),
        writing(tmp_path / "b.txt"),
    ):
        raise OSError(number, "no space")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match=r"file.*cannot be written") as caught:
        write_text(tmp_path / "file" / "b.txt", "text")
    assert "\n" not in str(caught.value)
    (tmp_path / "folder").mkdir()
    with pytest.raises(RunFolderError, match="folder: cannot be written"):
        write_text(tmp_path / "folder", "text")


def test_json_keeps_the_order_of_keys_and_odd_characters(tmp_path: Path) -> None:
    value = {"z": 1, "a": ["ü", "\ud800", None]}
    write_json(tmp_path / "a.json", value)
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == value
    assert (tmp_path / "a.json").read_text(encoding="utf-8").startswith('{\n  "z": 1')
