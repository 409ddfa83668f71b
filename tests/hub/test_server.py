"""The local Hub as its real clients see it: `huggingface_hub` and `datasets`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from opencodeinstruct.tools.stages.build import BuildFacts, BuildSettings, build
from tests.hub import Fault, LocalHub
from tests.rows import finished_rows, finished_table

ROWS = 300

API = """
import json, sys
from huggingface_hub import HfApi, CommitOperationAdd, hf_hub_download
from huggingface_hub.errors import *
api = HfApi()
def told(value): print(json.dumps(value, default=str))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished dataset."""
    place = tmp_path_factory.mktemp("built") / "dataset"
    build([finished_table(ROWS)], place, BuildFacts("Local"), BuildSettings())
    return place


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalHub]:
    with LocalHub(tmp_path / "hub", page=7, part_size=30_000) as running:
        yield running


def files_of(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_a_folder_comes_back_as_it_was_sent_whole_or_in_parts(hub: LocalHub, folder: Path) -> None:
    hub.python(
        API + "api.create_repo('me/data', repo_type='dataset')\n"
        "api.upload_folder(folder_path=sys.argv[1], repo_id='me/data', repo_type='dataset')",
        folder,
    ).ok()
    assert hub.log.requests(r"/part/2", "PUT")
    assert hub.log.requests(r"/lfs/me/data/\w{64}$", "PUT")
    sent = hub.read("me/data")
    assert sent.pop(".gitattributes")
    assert sent == files_of(folder)


def test_nothing_is_sent_twice_and_nothing_new_is_no_commit(hub: LocalHub, folder: Path) -> None:
    program = (
        API + "api.create_repo('me/data', repo_type='dataset', exist_ok=True)\n"
        "api.upload_folder(folder_path=sys.argv[1], repo_id='me/data', repo_type='dataset')"
    )
    hub.python(program, folder).ok()
    count = len(hub.log.requests("", "PUT"))
    hub.python(program, folder).ok()
    assert len(hub.log.requests("", "PUT")) == count
    assert len(hub.commits("me/data")) == 2


@pytest.mark.parametrize("redirect", [True, False])
def test_only_the_files_of_a_subset_are_fetched(
    tmp_path: Path, folder: Path, redirect: bool
) -> None:
    with LocalHub(tmp_path / "hub", redirect=redirect) as hub:
        hub.put("me/data", files_of(folder))
        said = hub.python(
            "from datasets import load_dataset\n"
            "print(len(load_dataset('me/data', 'judge_5_tests_all', split='train')))"
        ).ok()
        fetched = [one for one in hub.log.requests(r"\.parquet$", "GET") if one.status == 200]
    assert all("judge=5/pass=all" in one.path for one in fetched)
    wanted = [row for row in finished_rows(ROWS) if row["judge_score"] == 5]
    assert int(said) == sum(row["pass_rate"] == 1 for row in wanted) > 0
    if redirect:
        assert {(one.host, one.token) for one in fetched} == {("localhost", None)}


def test_lists_longer_than_a_page_are_whole(hub: LocalHub) -> None:
    for number in range(9):
        hub.put("me/data", {f"d/{number}/{name}.txt": b"x" for name in range(3)})
    said = (
        hub.python(
            API + "told(len(api.list_repo_files('me/data', repo_type='dataset')))\n"
            "told(len(api.list_repo_commits('me/data', repo_type='dataset')))\n"
            "told([e.path for e in api.list_repo_tree('me/data', 'd', repo_type='dataset')])"
        )
        .ok()
        .splitlines()
    )
    assert [json.loads(line) for line in said] == [28, 10, [f"d/{place}" for place in range(9)]]


def test_a_commit_on_a_parent_that_is_no_longer_the_head_is_refused(hub: LocalHub) -> None:
    old = hub.put("me/data", {"a.txt": b"a"}).oid
    new = hub.put("me/data", {"b.txt": b"b"}).oid
    said = hub.python(
        API + "add = [CommitOperationAdd('c.txt', b'c')]\n"
        "for parent in sys.argv[1:]:\n"
        "    try:\n"
        "        api.create_commit('me/data', add, commit_message='c', repo_type='dataset',\n"
        "                          parent_commit=parent)\n"
        "        told(200)\n"
        "    except HfHubHTTPError as error:\n"
        "        told(error.response.status_code)",
        old,
        new,
    ).ok()
    assert said.split() == ["412", "200"]
    assert hub.read("me/data")["c.txt"] == b"c"


def test_tags_branches_and_pull_requests_name_commits(hub: LocalHub) -> None:
    first = hub.put("me/data", {"a.txt": b"a"}).oid
    said = (
        hub.python(
            API + "k = dict(repo_type='dataset')\n"
            "api.create_tag('me/data', tag='v1.0.0', **k)\n"
            "api.create_branch('me/data', branch='next', **k)\n"
            "pull = api.create_pull_request('me/data', title='More', **k)\n"
            "more, ref = [CommitOperationAdd('b.txt', b'b')], f'refs/pr/{pull.num}'\n"
            "api.create_commit('me/data', more, commit_message='b', revision=ref, **k)\n"
            "told(api.file_exists('me/data', 'b.txt', **k))\n"
            "api.merge_pull_request('me/data', pull.num, **k)\n"
            "told(api.file_exists('me/data', 'b.txt', **k))\n"
            "told(api.get_discussion_details('me/data', pull.num, **k).status)\n"
            "refs = api.list_repo_refs('me/data', include_pull_requests=True, **k)\n"
            "told({r.name: r.target_commit for r in refs.tags + refs.branches})\n"
            "try: api.create_tag('me/data', tag='v1.0.0', **k)\n"
            "except HfHubHTTPError as error: told(error.response.status_code)\n"
            "api.create_tag('me/data', tag='v1.0.0', exist_ok=True, **k)\n"
            "api.delete_tag('me/data', tag='v1.0.0', **k)\n"
        )
        .ok()
        .splitlines()
    )
    names = json.loads(said[3])
    assert [json.loads(line) for line in (*said[:3], said[4])] == [False, True, "merged", 409]
    assert (names["v1.0.0"], names["next"]) == (first, first)
    assert names["main"] == hub.head("me/data").oid != first
    assert hub.store.repos["me/data"].tags == {}


@pytest.mark.parametrize(
    ("token", "repo", "error"),
    [
        ("writer", "me/secret", None),
        (None, "me/secret", "RepositoryNotFoundError"),
        ("stranger", "me/secret", "RepositoryNotFoundError"),
        ("stranger", "me/absent", "RepositoryNotFoundError"),
        ("stranger", "me/gated", "GatedRepoError"),
        (None, "me/gated", "GatedRepoError"),
        ("nonsense", "me/open", "HfHubHTTPError"),
        (None, "me/open", None),
    ],
)
def test_who_may_read_what(hub: LocalHub, token: str | None, repo: str, error: str | None) -> None:
    hub.create("me/secret", private=True)
    hub.create("me/gated", gated=True)
    for name in ("me/secret", "me/gated", "me/open"):
        hub.put(name, {"a.txt": b"a"})
    said = (
        hub.python(
            API + "try:\n"
            "    told(open(hf_hub_download(sys.argv[1], 'a.txt', repo_type='dataset')).read())\n"
            "except LocalEntryNotFoundError as error: told(type(error.__cause__).__name__)\n"
            "except Exception as error: told(type(error).__name__)\n"
            "try: told(api.dataset_info(sys.argv[1]).id)\n"
            "except Exception as error: told(type(error).__name__)",
            repo,
            token=token,
        )
        .ok()
        .split()
    )
    assert json.loads(said[0]) == ("a" if error is None else error)
    if error is None:
        assert json.loads(said[1]) == repo


@pytest.mark.parametrize(
    ("token", "status"), [("writer", 200), ("reader", 403), ("stranger", 403), (None, 401)]
)
def test_who_may_write(hub: LocalHub, token: str | None, status: int) -> None:
    hub.create("me/data")
    said = hub.python(
        API + "try:\n"
        "    api.upload_file(path_or_fileobj=b'x', path_in_repo='x', repo_id='me/data',\n"
        "                    repo_type='dataset')\n"
        "    told(200)\n"
        "except HfHubHTTPError as error: told(error.response.status_code)",
        token=token,
    ).ok()
    assert int(said) == status
    assert ("x" in hub.read("me/data")) == (status == 200)


@pytest.mark.parametrize(
    ("fault", "kept"),
    [
        (Fault(r"/lfs/", "PUT", status=503, times=2), True),  # tried again
        (Fault(r"/lfs/", "PUT", cut="upload"), True),
        (Fault(r"/lfs/", "PUT", cut="before"), True),
        (Fault(r"/lfs/", "PUT", status=403, times=None), False),
        (Fault(r"/commit/", "POST", status=412), False),
        (Fault(r"/commit/", "POST", cut="before"), False),
        (Fault(r"/commit/", "POST", cut="after"), True),  # done, but the client was not told
    ],
    ids=lambda value: f"{value.cut or value.status}" if isinstance(value, Fault) else "",
)
def test_an_upload_that_goes_wrong_is_there_whole_or_not_at_all(
    hub: LocalHub, folder: Path, fault: Fault, kept: bool
) -> None:
    hub.put("me/data", {"a.txt": b"a"})
    hub.faults.add(fault)
    hub.python(
        API + "api.upload_folder(folder_path=sys.argv[1], repo_id='me/data', repo_type='dataset')",
        folder,
    )
    assert hub.faults.hits() > 0
    assert (len(hub.read("me/data")) > 2) == kept


@pytest.mark.parametrize(
    "fault",
    [
        Fault(r"/(cdn|resolve)/.*parquet", "GET", cut="download"),
        Fault(r"/(cdn|resolve)/.*parquet", "GET", status=503),
        Fault(r"/(cdn|resolve)/.*parquet", "GET", delay=0.1, rate=200_000, times=None),
    ],
    ids=["cut", "503", "slow"],
)
def test_a_download_that_goes_wrong_is_finished_by_another_try(
    hub: LocalHub, tmp_path: Path, folder: Path, fault: Fault
) -> None:
    hub.put("me/data", files_of(folder))
    hub.faults.add(fault)
    program = (
        API + "from huggingface_hub import snapshot_download\n"
        "print(snapshot_download('me/data', repo_type='dataset', allow_patterns='*judge=5*'))"
    )
    tries = [hub.python(program, home=tmp_path / "home") for _ in range(2)]
    assert hub.faults.hits() > 0
    fetched = files_of(Path(tries[-1].ok().strip()))
    assert fetched
    assert all(content == files_of(folder)[path] for path, content in fetched.items())


def test_ranges_are_served_exactly(hub: LocalHub) -> None:
    content = bytes(range(256)) * 40
    hub.put("me/data", {"x.parquet": content})
    said = (
        hub.python(
            API + "from huggingface_hub import HfFileSystem\n"
            "with HfFileSystem().open('datasets/me/data/x.parquet', block_size=1000) as file:\n"
            "    file.seek(5000); told(list(file.read(10)))\n"
            "    file.seek(-3, 2); told(list(file.read()))"
        )
        .ok()
        .splitlines()
    )
    assert [bytes(json.loads(line)) for line in said] == [content[5000:5010], content[-3:]]
    ranged = [one for one in hub.log.requests("/cdn/", "GET") if one.status == 206]
    assert ranged
    assert max(one.sent for one in ranged) < len(content)


def test_a_card_that_cannot_be_read_is_refused(hub: LocalHub) -> None:
    hub.create("me/data")
    said = hub.python(
        API + "try:\n"
        "    api.upload_file(path_or_fileobj=b'---\\nlicense: [\\n---\\n', repo_type='dataset',\n"
        "                    path_in_repo='README.md', repo_id='me/data')\n"
        "except Exception as error: told(type(error).__name__)"
    ).ok()
    assert "Error" in said
    assert "README.md" not in hub.read("me/data")


def test_the_official_client_of_xet_sends_and_fetches_by_it(hub: LocalHub, folder: Path) -> None:
    hub.python(
        API + "api.create_repo('me/data', repo_type='dataset')\n"
        "api.upload_folder(folder_path=sys.argv[1], repo_id='me/data', repo_type='dataset')",
        folder,
        xet=True,
    ).ok()
    assert hub.log.requests(r"/xet-write-token/")
    assert not hub.log.requests("", "PUT")
    load = (
        "from datasets import load_dataset\nprint(len(load_dataset('me/data', 'judge_5')['train']))"
    )
    by_xet = hub.python(load, xet=True).ok()
    assert hub.log.requests(r"/xet-read-token/")
    assert not hub.log.requests(r"/cdn/")
    assert hub.python(load).ok() == by_xet
    assert hub.log.requests(r"/cdn/")
    sent = hub.read("me/data")
    assert sent.pop(".gitattributes")
    assert sent == files_of(folder)
