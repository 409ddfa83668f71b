"""Publishing a dataset that grew sends the new rows and little else, with no help from Xet."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from opencodeinstruct.builder.manifest import read_manifest
from opencodeinstruct.builder.schema import dataset_schema, table_of
from opencodeinstruct.builder.shards import write_shards
from opencodeinstruct.dataset_card.facts import BuildFacts
from opencodeinstruct.tools.stages.append import AppendReport, append
from opencodeinstruct.tools.stages.build import BuildSettings, build
from tests.hub import LocalHub
from tests.hub.built import attempt, expected, published
from tests.release_rows import release_row
from tests.rows import finished_row

ROWS, MORE = 20_000, 200
SHARD = r"/lfs/me/data/\w{64}$"
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=")  # the client warns of itself


def row(number: int) -> dict[str, Any]:
    """A finished row whose text is as long, and compresses as well, as that of the release."""
    told = release_row(number)
    return finished_row(number, input=told["input"], output=told["output"])


def made(folder: Path, start: int, end: int) -> Path:
    tables = (
        table_of([row(number) for number in range(at, min(at + 2000, end))], dataset_schema())
        for at in range(start, end, 2000)
    )
    return build(tables, folder, BuildFacts("Local"), BuildSettings()).folder


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset."""
    return made(tmp_path_factory.mktemp("old") / "dataset", 0, ROWS)


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundredth as many new rows, and some old ones."""
    return made(tmp_path_factory.mktemp("new") / "dataset", ROWS - 50, ROWS + MORE)


@pytest.fixture(scope="module")
def grown(old: Path, new: Path, tmp_path_factory: pytest.TempPathFactory) -> AppendReport:
    """Both together."""
    return append(old, new, tmp_path_factory.mktemp("grown") / "dataset")


@pytest.fixture
def hub(tmp_path: Path, old: Path) -> Iterator[LocalHub]:
    """A hub that has the old dataset, and a log of what came since."""
    with LocalHub(tmp_path / "hub", page=9) as running:
        attempt(running, old, tag="v1").ok()
        running.log.clear()
        yield running


def size(folder: Path, names: Iterable[str]) -> int:
    """Bytes of those files."""
    return sum((folder / name).stat().st_size for name in names)


def test_only_new_shards_and_small_files_are_sent(
    hub: LocalHub, old: Path, grown: AppendReport, tmp_path: Path
) -> None:
    assert (grown.added, grown.known) == (MORE, 50)
    done = attempt(hub, grown.folder, tag="v2").ok()
    assert published(hub) == expected(grown.folder)
    assert published(hub, revision="v1") == expected(old)
    names = [entry.path for entry in read_manifest(grown.folder).files]
    small = [name for name in (*names, "manifest.json") if not name.startswith("data/")]
    sent = {file.name for file in done.change.sent} - done.change.known
    assert set(grown.files) <= sent <= {*grown.files, *small}
    large = {name for name in sent if not name.endswith((".md", ".json"))}
    assert large - set(grown.files) <= {name for name in small if name.startswith("plots/")}
    assert hub.log.bytes_received(SHARD, "PUT") == size(grown.folder, large)
    tables = (table_of([row(ROWS + number) for number in range(MORE)], dataset_schema()),)
    alone = sum(shard.bytes for shard in write_shards(tables, tmp_path / "alone"))
    assert hub.log.bytes_received() <= 1.3 * alone + size(grown.folder, small)
    assert size(grown.folder, names) > 10 * alone  # else the whole would be little more


def test_shards_of_the_old_dataset_only_get_another_number(
    hub: LocalHub, grown: AppendReport
) -> None:
    done = attempt(hub, grown.folder).ok()
    renamed = {name for name in done.change.known if name.startswith("data/")}
    assert renamed and done.change.known_bytes > 0
    assert {name[:-22] for name in done.change.removed} == {name[:-22] for name in renamed}
    assert not renamed & set(grown.files)
