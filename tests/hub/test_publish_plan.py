"""What a publication would send, and what it would change; nothing is asked of a Hub here."""

import json
import shutil
from pathlib import Path

import pytest

from opencodeinstruct.builder.errors import RunFolderError
from opencodeinstruct.builder.manifest import write_manifest
from opencodeinstruct.tools.hub.plan import File, RemoteFile, change, is_ours, publish_plan
from tests.hub.built import built, expected
from tests.rows import finished_rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished dataset."""
    return built(tmp_path_factory.mktemp("plan") / "dataset", finished_rows(20))


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """The same, to be spoilt."""
    return Path(shutil.copytree(folder, tmp_path / "dataset"))


def there(files: tuple[File, ...]) -> dict[str, RemoteFile]:
    """What a repository says of `files`: large ones by SHA-256, small ones by git's name."""
    return {
        file.name: RemoteFile(
            file.name,
            file.size,
            file.git_oid(),
            file.sha256 if file.name.endswith(".parquet") else None,
        )
        for file in files
    }


def test_the_files_are_those_of_the_manifest_and_the_manifest(folder: Path) -> None:
    plan = publish_plan(folder, "me/data", card=b"# Mine\n")
    assert {file.name for file in plan.files} == {*expected(folder), "manifest.json"}
    assert plan.rows == 20
    manifest = next(file for file in plan.files if file.name == "manifest.json")
    told = json.loads(manifest.content or b"")
    assert next(one for one in told["files"] if one["path"] == "README.md")["bytes"] == 7
    assert told["totals"]["bytes"] == sum(one["bytes"] for one in told["files"])


@pytest.mark.parametrize(
    "name",
    [
        "data.py",
        "opencodeinstruct.py",
        "journal.sqlite",
        "token",
        ".env",
        "rejects/part-00000.parquet",
        "data/rejects/train-00000-of-00001.parquet",
        "data/domain=generic/judge=5/pass=all/notes.txt",
        "plots/run.sh",
    ],
)
def test_only_files_of_a_dataset_are_ever_sent(copy: Path, name: str) -> None:
    (copy / name).parent.mkdir(parents=True, exist_ok=True)
    source = next(copy.rglob("*.parquet"))
    (copy / name).write_bytes(source.read_bytes() if name.endswith("parquet") else b"secret")
    with pytest.raises(RunFolderError, match="not its own"):
        publish_plan(copy, "me/data")
    (copy / "manifest.json").unlink()
    write_manifest(copy, {})  # somebody has it listed
    with pytest.raises(RunFolderError, match="is no part of a dataset and is never sent"):
        publish_plan(copy, "me/data")


def test_a_link_is_not_followed(copy: Path, tmp_path: Path) -> None:
    card = copy / "README.md"
    (tmp_path / "elsewhere.md").write_bytes(card.read_bytes())
    card.unlink()
    card.symlink_to(tmp_path / "elsewhere.md")
    with pytest.raises(RunFolderError, match=r"README\.md is a link"):
        publish_plan(copy, "me/data")


def test_what_is_there_already_is_not_sent(folder: Path) -> None:
    plan = publish_plan(folder, "me/data")
    assert change(plan, there(plan.files)).nothing
    assert change(plan, {}).bytes == plan.bytes


def test_content_under_another_name_only_gets_a_name(folder: Path) -> None:
    plan = publish_plan(folder, "me/data")
    files = there(plan.files)
    shard = next(name for name in files if "judge" in name and name.endswith(".parquet"))
    files["data/domain=generic/judge=1/pass=none/train-00007-of-00008.parquet"] = files.pop(shard)
    made = change(plan, files)
    assert [file.name for file in made.sent] == [shard] and made.known == {shard}
    assert made.bytes == 0 and made.known_bytes > 0
    assert made.removed == ("data/domain=generic/judge=1/pass=none/train-00007-of-00008.parquet",)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("README.md", True),
        ("manifest.json", True),
        ("plots/judge.png", True),
        ("data/domain=generic/judge=unknown/pass=most/train-00000-of-00002.parquet", True),
        ("data/anything.parquet", True),  # the card's globs might load it
        (".gitattributes", False),
        ("LICENSE", False),
        ("data.py", False),
        ("eval/results.parquet", False),
    ],
)
def test_whose_a_file_is(name: str, ours: bool) -> None:
    assert is_ours(name) == ours
