"""`publish` against a real server: all of a dataset at once, or nothing."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from opencodeinstruct.tools.hub.publish import OnConflict
from tests.hub import Fault, LocalHub
from tests.hub.built import attempt, built, expected, publish_command, published
from tests.rows import finished_row, finished_rows

ROWS = finished_rows(60)
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=")  # the client warns of itself
SHARD = r"/lfs/me/data/\w{64}$"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset."""
    return built(tmp_path_factory.mktemp("first") / "dataset", ROWS)


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A later version of it: some partitions are as they were, some are not, some are gone."""
    rows = [row for row in ROWS if row["judge_score"] != 1] + finished_rows(4, seed=1)
    return built(tmp_path_factory.mktemp("second") / "dataset", rows)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalHub]:
    with LocalHub(tmp_path / "hub", page=9) as running:
        yield running


@pytest.fixture
def there(hub: LocalHub, first: Path) -> LocalHub:
    """A hub on which the first version is published."""
    attempt(hub, first, tag="v1").ok()
    hub.log.clear()
    return hub


def test_the_dataset_is_there_in_one_commit_with_its_tag(hub: LocalHub, first: Path) -> None:
    said = publish_command(hub, first, "--private", "--tag", "v1.0.0").ok()
    assert published(hub) == expected(first)
    repo, head = hub.store.repos["me/data"], hub.head("me/data")
    assert repo.private and repo.tags == {"v1.0.0": head.oid}
    assert [commit.title for commit in hub.commits("me/data")] == [
        "Publish 60 rows",
        "initial commit",
    ]
    assert head.oid in said and "v1.0.0" in said
    sent = [one.path for one in hub.log.requests() if one.method in ("PUT", "POST")]
    assert sent.index(next(path for path in sent if "/commit/" in path)) > max(
        place for place, path in enumerate(sent) if "/lfs/" in path
    )


def test_the_manifest_that_goes_with_it_fits_what_is_there(there: LocalHub) -> None:
    files = there.read("me/data")
    listed = {entry["path"]: entry for entry in json.loads(files["manifest.json"])["files"]}
    assert listed.keys() == published(there).keys()
    for name, content in published(there).items():
        assert listed[name]["sha256"] == sha256(content).hexdigest()
        assert listed[name]["bytes"] == len(content)


def test_an_unchanged_dataset_makes_no_commit_and_may_get_a_tag(
    there: LocalHub, first: Path
) -> None:
    head = there.head("me/data").oid
    assert not attempt(there, first, tag="v1.0.1").ok().made
    assert there.head("me/data").oid == head
    assert there.store.repos["me/data"].tags == {"v1": head, "v1.0.1": head}
    assert not there.log.requests("/commit/|/lfs/|preupload")


def test_a_new_version_sends_what_changed_and_removes_what_is_gone(
    there: LocalHub, first: Path, second: Path
) -> None:
    there.put("me/data", {"LICENSE": b"mine", "scripts/make.sh": b"mine"})
    before = there.head("me/data")
    done = attempt(there, second, tag="v2").ok()
    assert published(there) == {
        **expected(second),
        "LICENSE": b"mine",
        "scripts/make.sh": b"mine",
    }
    assert there.commits("me/data")[1].oid == before.oid
    old = {sha256(content).hexdigest() for content in expected(first).values()}
    put = {path.rpartition("/")[2] for path in there.log.paths(SHARD, "PUT")}
    assert put and not put & old
    assert done.sent == sum(file.size for file in done.change.sent)
    assert published(there, revision="v1") == expected(first)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(SHARD, "PUT", after=3, status=403, times=None), "this token may not do that"),
        (Fault(SHARD, "PUT", after=3, status=507, times=None), "the Hub failed"),
        (Fault("/preupload/", "POST", status=400), "the Hub refuses this"),
        (Fault("/commit/", "POST", status=503, times=None), "the Hub failed"),
        (Fault("/commit/", "POST", status=403, times=None), "this token may not do that"),
        (Fault("/tree/", "GET", status=404, error_code="RevisionNotFound"), "the Hub failed"),
    ],
    ids=["put-403", "disk-full", "preupload-400", "commit-503", "commit-403", "tree-404"],
)
def test_what_fails_leaves_all_as_it_was_and_is_made_up_for(
    there: LocalHub, first: Path, second: Path, fault: Fault, said: str
) -> None:
    there.faults.add(fault)
    ended = attempt(there, second, tag="v2")
    assert said in ended.said
    assert published(there) == expected(first)
    assert set(there.store.repos["me/data"].tags) == {"v1"}
    there.faults.clear()
    arrived = [one.path for one in there.log.requests(SHARD, "PUT") if one.status == 200]
    attempt(there, second, tag="v2").ok()
    assert published(there) == expected(second)
    again = [one.path for one in there.log.requests(SHARD, "PUT") if one.status == 200]
    assert len(again) == len(set(again)) and set(arrived) <= set(again)  # nothing sent twice


@pytest.mark.parametrize(
    "fault",
    [
        Fault(SHARD, "PUT", after=1, cut="upload"),
        Fault(SHARD, "PUT", status=503, times=2),
        Fault("/preupload/", "POST", cut="before"),
        Fault("/objects/batch", "POST", status=503),
        Fault("/commit/", "POST", status=503),
        Fault("/commit/", "POST", cut="before"),
        Fault("/commit/", "POST", cut="after"),  # it was done, but nobody was told
        Fault("/tag/", "POST", status=503),
        Fault("/tag/", "POST", cut="after"),
        Fault("/refs", "GET", status=503),
    ],
    ids=lambda fault: f"{fault.path[:8]}-{fault.cut or fault.status}".replace("/", ""),
)
def test_what_fails_for_a_moment_is_tried_again(
    there: LocalHub, second: Path, fault: Fault
) -> None:
    there.faults.add(fault)
    attempt(there, second, tag="v2").ok()
    assert there.faults.hits() > 0
    assert published(there) == expected(second)
    commits = [commit.title for commit in there.commits("me/data")]
    assert len(commits) == 3 and there.head("me/data", "v2").oid == there.head("me/data").oid


def test_where_only_the_tag_fails_it_is_said_and_made_by_the_next_run(
    hub: LocalHub, first: Path
) -> None:
    hub.faults.add(Fault("/tag/", "POST", status=503, times=None))
    assert "published, without its tag" in attempt(hub, first, tag="v1").said
    assert published(hub) == expected(first)
    hub.faults.clear()
    attempt(hub, first, tag="v1").ok()
    assert hub.store.repos["me/data"].tags == {"v1": hub.head("me/data").oid}
    assert len(hub.commits("me/data")) == 2


@pytest.mark.parametrize(
    ("files", "option", "said"),
    [
        ({"LICENSE": b"theirs"}, "stop", "add --on-conflict rebase"),
        ({"LICENSE": b"theirs"}, "rebase", None),
        ({"README.md": b"theirs"}, "rebase", "to the dataset itself"),
        ({"data/x.parquet": b"theirs"}, "rebase", "to the dataset itself"),
    ],
)
def test_a_commit_in_the_meantime_is_a_choice_and_never_overwritten_unseen(
    there: LocalHub, second: Path, files: dict[str, bytes], option: str, said: str | None
) -> None:
    there.faults.add(Fault("/commit/", "POST", act=lambda: there.put("me/data", files)))
    ended = attempt(there, second, on_conflict=OnConflict(option))
    if said is None:
        ended.ok()
        assert published(there) == {**expected(second), **files}
        assert len(there.log.requests(SHARD, "PUT")) == len(set(there.log.paths(SHARD, "PUT")))
        return
    assert said in ended.said
    assert there.commits("me/data")[0].title == "put"
    for name, content in files.items():
        assert there.read("me/data")[name] == content


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"data/train.parquet": b"another"}, "holds something else already"),
        ({"README.md": b"# mine", "manifest.json": b"{}"}, "holds something else already"),
    ],
)
def test_another_dataset_is_replaced_on_request_only(
    hub: LocalHub, first: Path, files: dict[str, bytes], said: str
) -> None:
    hub.put("me/data", {**files, "notes.txt": b"mine"})
    assert said in attempt(hub, first).said
    assert published(hub).keys() == {*files, "notes.txt"} - {"manifest.json"}
    attempt(hub, first, replace=True).ok()
    assert published(hub) == {**expected(first), "notes.txt": b"mine"}


def test_a_card_that_was_edited_on_the_hub_is_not_lost(there: LocalHub, second: Path) -> None:
    card = published(there)["README.md"] + b"\nMore.\n"
    there.put("me/data", {"README.md": card})
    assert "its card was edited on the Hub" in attempt(there, second).said
    assert published(there)["README.md"] == card
    attempt(there, second, replace=True).ok()


@pytest.mark.parametrize(
    ("repo", "token", "options", "said"),
    [
        ("me/data", "nonsense", {}, "the Hub does not take this token"),
        ("me/data", "reader", {}, "this token may not do that"),
        ("me/other", "reader", {}, "this token may not do that"),
        ("else/data", "writer", {}, "this token may not do that"),
        ("me/data", "stranger", {}, "this token may not do that"),
        ("me/data", "writer", {"private": True}, "is public"),
        ("me/data", "writer", {"tag": "v1"}, "the tag v1 is there"),
    ],
)
def test_what_is_not_allowed_is_one_line_and_nothing_is_sent(
    there: LocalHub, second: Path, repo: str, token: str, options: dict[str, Any], said: str
) -> None:
    assert said in attempt(there, second, repo=repo, token=token, **options).said
    assert not there.log.requests("", "PUT") and not there.log.requests("/commit/")


def test_a_dry_run_says_what_would_be_done_and_does_nothing(there: LocalHub, second: Path) -> None:
    head = there.head("me/data").oid
    said = publish_command(there, second, "--dry-run").ok()
    assert "62" not in said.split("rows")[0] or "rows" in said
    assert "removed" in said and "sent" in said and "kept" in said
    assert {one.method for one in there.log.requests()} <= {"GET", "HEAD"}
    assert there.head("me/data").oid == head
    said = publish_command(there, second, "--dry-run", repo="me/new").ok()
    assert "there already: 0 bytes" in said and "me/new" not in there.store.repos


def test_more_files_than_one_commit_names_are_moved_in_one_step(
    there: LocalHub, first: Path, second: Path
) -> None:
    seen: list[bool] = []
    there.faults.add(
        Fault("/commit/|/merge", "POST", times=None,
              act=lambda: seen.append(published(there) == expected(first)))
    )  # fmt: skip
    attempt(there, second, tag="v2", most_files=7).ok()
    assert len(seen) > 3 and all(seen)
    assert published(there) == expected(second)
    assert len(there.commits("me/data")) == 3
    assert there.store.repos["me/data"].states == {"refs/pr/1": "merged"}


def test_a_staged_change_that_fails_is_closed_and_begun_anew(
    there: LocalHub, first: Path, second: Path
) -> None:
    there.faults.add(Fault("/merge", "POST", status=503, times=None))
    assert "the Hub failed" in attempt(there, second, most_files=7).said
    assert published(there) == expected(first)
    there.faults.clear()
    there.faults.add(Fault("/merge", "POST", cut="after"))
    attempt(there, second, most_files=7).ok()
    assert published(there) == expected(second)
    assert there.store.repos["me/data"].states == {"refs/pr/1": "closed", "refs/pr/2": "merged"}


def test_by_xet_it_is_the_same_and_bytes_are_counted(
    hub: LocalHub, first: Path, second: Path, tmp_path: Path
) -> None:
    said = publish_command(hub, first, xet=True, home=tmp_path / "home").ok()
    assert published(hub) == expected(first)
    assert not hub.log.requests("", "PUT") and hub.log.requests("/xet-write-token/")
    assert "bytes sent" in said
    size = hub.store.xet.size()
    publish_command(hub, second, xet=True, home=tmp_path / "home").ok()
    assert published(hub) == expected(second)
    assert 0 < hub.store.xet.size() - size < size
    hub.log.clear()
    publish_command(hub, first, "--no-xet", "--tag", "v3", xet=True).ok()
    assert not hub.log.requests("xet-write-token")
    assert published(hub) == expected(first)


def test_without_xet_on_the_other_side_it_is_said_what_to_do(hub: LocalHub, first: Path) -> None:
    hub.faults.add(Fault("/xet-write-token/", status=404, times=None))
    ended = publish_command(hub, first, xet=True)
    assert ended.code == 1 and "--no-xet" in ended.err and ended.err.count("\n") == 1
    publish_command(hub, first, "--no-xet", xet=True).ok()
    assert published(hub) == expected(first)


def test_without_a_token_it_is_said_how_to_log_in(hub: LocalHub, first: Path) -> None:
    ended = publish_command(hub, first, token=None)
    assert ended.code == 1 and "hf auth login" in ended.err and ended.err.count("\n") == 1
    assert not hub.log.requests()


def test_a_secret_stops_it_and_can_be_allowed(hub: LocalHub, tmp_path: Path) -> None:
    key = "AKIA" + "Q3EGRIPV7M2K4ZLT"
    row = finished_row(0) | {"output": f"key = '{key}'"}
    folder = built(tmp_path / "dataset", [row])
    ended = publish_command(hub, folder)
    assert ended.code == 1 and "1 of kind secret" in ended.err and row["id"][:8] in ended.err
    assert key not in ended.err and not hub.log.requests()
    publish_command(hub, folder, "--allow", key).ok()
    assert published(hub) == expected(folder)
