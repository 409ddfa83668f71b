"""`load` and `download` from a Hub: the files needed and no others, whatever goes wrong."""

import json
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from opencodeinstruct.builder.schema import dataset_schema, table_of
from opencodeinstruct.builder.subsets import bucket_of, partition_folder
from opencodeinstruct.tools.stages.build import BuildFacts, BuildSettings, build
from tests.hub import Done, Fault, LocalHub
from tests.rows import finished_row, finished_rows

ROWS = table_of(finished_rows(120), dataset_schema()).to_pylist()
REPO = "me/data"
CLI = "from opencodeinstruct.tools.cli import main; main()"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset folder of `ROWS`."""
    folder = tmp_path_factory.mktemp("dataset") / "dataset"
    build(
        [table_of(ROWS, dataset_schema())],
        folder,
        BuildFacts("Mine"),
        BuildSettings(rows_per_file=9),
    )
    return folder


@pytest.fixture
def hub(dataset: Path, tmp_path: Path) -> Iterator[LocalHub]:
    with LocalHub(tmp_path / "hub") as hub:
        hub.put(REPO, files_of(dataset))
        hub.log.clear()
        yield hub


def files_of(folder: Path) -> dict[str, bytes | Path | None]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path for path in paths}


def fetched(hub: LocalHub) -> set[str]:
    """The shards of which anything was sent."""
    return {
        request.path.partition("/data/domain=")[2]
        for request in hub.log.requests(r"/data/domain=.*parquet")
        if request.sent
    }


def folders(least: int, buckets: tuple[str, ...]) -> set[str]:
    """The folders, as `fetched` has them, of the rows with that judge score and those buckets."""
    return {
        partition_folder(row["domain"], row["judge_score"], bucket).removeprefix("data/domain=")
        for row in ROWS
        if row["judge_score"] >= least
        and (bucket := bucket_of(row["tests_passed"], row["tests_total"])) in buckets
    }


def test_only_files_that_can_hold_such_rows_are_fetched_and_their_bytes_are_said_before(
    hub: LocalHub, dataset: Path, tmp_path: Path
) -> None:
    program = (
        "import json\n"
        "from opencodeinstruct import load\n"
        f"rows = load({REPO!r}, min_judge_score=4, min_pass_rate=0.7)\n"
        f"again = load({REPO!r}, min_judge_score=4, min_pass_rate=0.7)\n"
        "print(json.dumps([rows['id'], again['id']], default=list))\n"
    )
    done = hub.python(program, home=tmp_path / "home")
    first, again = json.loads(done.ok())
    expected = [r["id"] for r in ROWS if r["judge_score"] >= 4 and r["pass_rate"] >= 0.7]
    assert sorted(first) == sorted(again) == sorted(expected)
    expected_folders = folders(4, ("high", "most", "all"))
    assert {path.rpartition("/")[0] for path in fetched(hub)} == expected_folders
    size = sum(
        path.stat().st_size
        for folder in expected_folders
        for path in dataset.glob(f"data/domain={folder}/*.parquet")
    )
    assert f" {size:,} bytes to fetch" in done.err
    assert " 0 bytes to fetch" in done.err  # the second time


def test_a_sample_is_exact_the_same_for_a_seed_and_reads_no_more_files_than_it_needs(
    hub: LocalHub,
) -> None:
    program = (
        "import json\n"
        "from opencodeinstruct import load\n"
        f"take = lambda **more: load({REPO!r}, min_judge_score=5, quiet=True, sample=12, **more)\n"
        "ids = [list(take(seed=1)['id']), list(take(seed=1)['id']), list(take(seed=2)['id'])]\n"
        "ids.append([row['id'] for row in take(seed=1, streaming=True, columns=['id'])])\n"
        "print(json.dumps(ids))\n"
    )
    done = hub.python(program)
    first, again, other, streamed = json.loads(done.ok())
    assert done.err == ""
    assert first == again
    assert len(set(first)) == len(set(other)) == 12
    assert set(first) != set(other)
    assert sorted(streamed) == sorted(first)
    assert set(first) <= {row["id"] for row in ROWS if row["judge_score"] == 5}


def test_what_is_not_there_is_said_in_a_line(hub: LocalHub) -> None:
    hub.put("me/other", {"data/train-00000-of-00001.parquet": b"x", "README.md": b"# Other"})
    program = (
        "from opencodeinstruct import load\n"
        f"places = [('me/absent', None), ('me/other', None), ({REPO!r}, 'v9')]\n"
        "for place, revision in places:\n"
        "    try:\n"
        "        load(place, revision=revision)\n"
        "    except FileNotFoundError as error:\n"
        "        print(error)\n"
    )
    lines = hub.python(program).ok().splitlines()
    assert lines[0] == "me/absent: no such dataset on the Hub, or no access to it."
    assert lines[1].startswith("me/other: holds no shards below data/domain=…")
    assert "opencodeinstruct import" in lines[1]
    assert lines[2] == f"{REPO}: no such revision 'v9' on the Hub, or no access to it."


def test_a_revision_is_that_commit_also_with_a_script_beside_and_a_newer_cache(
    hub: LocalHub, tmp_path: Path
) -> None:
    old = hub.head(REPO).oid
    changed = {path: None for path in hub.read(REPO) if "/judge=5/" in path}
    hub.put(REPO, changed | {"data.py": b"raise SystemExit('run')"})
    program = (
        "from opencodeinstruct import load\n"
        f"print(load({REPO!r}, quiet=True).num_rows)\n"
        f"print(load({REPO!r}, quiet=True, revision={old!r}).num_rows)\n"
    )
    home = tmp_path / "home"
    fewer = len([row for row in ROWS if row["judge_score"] < 5])
    assert hub.python(program, home=home).ok().split() == [str(fewer), str(len(ROWS))]


def test_streaming_some_columns_reads_little_of_a_large_file(hub: LocalHub, tmp_path: Path) -> None:
    draw = random.Random(0)
    place = {"domain": "generic", "judge_score": 5, "tests_passed": 1, "tests_total": 1}
    place["pass_rate"] = 1.0
    rows = [
        finished_row(number) | place | {"output": draw.randbytes(40_000).hex()}
        for number in range(300)
    ]
    path = tmp_path / "large.parquet"
    pq.write_table(table_of(rows, dataset_schema()), path, row_group_size=50)
    hub.put(
        "me/large", {f"{partition_folder('generic', 5, 'all')}/train-00000-of-00001.parquet": path}
    )
    hub.log.clear()
    program = (
        "from opencodeinstruct import load\n"
        "rows = load('me/large', columns=['id'], min_pass_rate=1, streaming=True, quiet=True)\n"
        "print(sum(1 for _ in rows))\n"
    )
    assert hub.python(program).ok().split() == ["300"]
    assert hub.log.bytes_sent(r"parquet") < 0.3 * path.stat().st_size


def test_the_builder_takes_a_repository_and_filters(hub: LocalHub) -> None:
    program = (
        "from opencodeinstruct import OpenCodeInstruct\n"
        "kept = {'config_name': 'judge_4plus', 'min_pass_rate': 0.9}\n"
        f"builder = OpenCodeInstruct(data_dir={REPO!r}, **kept)\n"
        "builder.download_and_prepare()\n"
        "print(builder.as_dataset(split='train').num_rows)\n"
    )
    expected = [row for row in ROWS if row["judge_score"] >= 4 and row["pass_rate"] >= 0.9]
    assert hub.python(program).ok().split() == [str(len(expected))]
    assert {path.rpartition("/")[0] for path in fetched(hub)} == folders(4, ("most", "all"))


def command(hub: LocalHub, *arguments: str | Path, home: Path | None = None) -> Done:
    return hub.python(CLI, *arguments, home=home)


def read_rows(folder: Path) -> list[dict[str, Any]]:
    paths = sorted(folder.glob("data/*/*/*/*.parquet"))
    return [row for path in paths for row in pq.read_table(path, partitioning=None).to_pylist()]


def test_a_download_holds_exactly_the_rows_chosen_and_loads(hub: LocalHub, tmp_path: Path) -> None:
    chosen = ("--judge", "4", "--pass-rate", "0.7", "--domain", "algorithmic")
    out = tmp_path / "out"
    done = command(hub, "download", REPO, *chosen, "--out", out)
    expected = [
        row
        for row in ROWS
        if row["judge_score"] >= 4 and row["pass_rate"] >= 0.7 and row["domain"] == "algorithmic"
    ]
    assert f"{len(expected)} rows" in done.ok()
    assert "bytes to fetch" in done.err
    by_id = {row["id"]: row for row in expected}
    assert {row["id"]: row for row in read_rows(out)} == by_id
    assert not (out / ".download").exists()
    sent = hub.log.bytes_sent("parquet")
    again = command(hub, "download", REPO, *chosen, "--out", out)
    assert "complete before" in again.ok()
    assert hub.log.bytes_sent("parquet") == sent
    other = command(hub, "download", REPO, "--out", out)
    assert other.code == 1
    assert "holds another download" in other.err
    for name in ("jsonl", "messages"):
        place = tmp_path / name
        command(hub, "download", REPO, *chosen, "--format", name, "--out", place).ok()
        lines = [line for path in place.rglob("*.jsonl") for line in path.read_text().splitlines()]
        read = [json.loads(line) for line in lines]
        assert Counter(row["id"] for row in read) == Counter(list(by_id))
        for row in read:
            said = row["messages"][1]["content"] if name == "messages" else row["output"]
            assert said == by_id[row["id"]]["output"]


def test_a_download_that_is_killed_ten_times_loses_and_doubles_nothing(
    hub: LocalHub, tmp_path: Path
) -> None:
    draw, out = random.Random(3), tmp_path / "out"
    hub.faults.add(Fault(path=r"parquet", status=503, times=3, after=4))
    hub.faults.add(Fault(path=r"parquet", cut="download", times=3, after=9))
    hub.faults.add(Fault(path=r"parquet", truncated=True, times=2, after=14))
    hub.faults.add(Fault(path=r"/cdn/", delay=0.2, times=None))
    arguments = [
        sys.executable,
        "-c",
        CLI,
        "download",
        REPO,
        "--pass-rate",
        "0.3",
        "--out",
        str(out),
    ]
    env = hub.environment(home=tmp_path / "home")
    for _ in range(10):
        process = subprocess.Popen(arguments, env=env, stderr=subprocess.DEVNULL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(1.5, 6.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
    command(hub, *arguments[3:], home=tmp_path / "home").ok()
    expected = {row["id"]: row for row in ROWS if row["pass_rate"] >= 0.3}
    read = read_rows(out)
    assert len(read) == len(expected)
    assert {row["id"]: row for row in read} == expected
    assert sorted(path.name for path in out.iterdir()) == ["data", "download.json"]


def test_a_full_disk_is_one_line_and_the_rest_follows(hub: LocalHub, tmp_path: Path) -> None:
    out = tmp_path / "out"
    limited = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))\n" + CLI
    )
    full = hub.python(limited, "download", REPO, "--judge", "5", "--out", out)
    assert full.code == 1
    assert full.err.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in full.err
    command(hub, "download", REPO, "--judge", "5", "--out", out).ok()
    assert {row["id"] for row in read_rows(out)} == {
        row["id"] for row in ROWS if row["judge_score"] == 5
    }


def test_stats_of_a_repository_read_few_bytes_and_count_as_one_does_by_hand(
    hub: LocalHub, dataset: Path
) -> None:
    told = json.loads(command(hub, "stats", REPO, "--json").ok())
    assert told["rows"] == len(ROWS)
    assert told["domains"] == Counter(row["domain"] for row in ROWS)
    for cell in told["yield"]:
        assert cell["rows"] == sum(
            row["judge_score"] >= cell["min_judge_score"]
            and row["tests_passed"] / row["tests_total"] >= cell["min_pass_rate"]
            for row in ROWS
        )
    local = command(hub, "stats", dataset)
    assert f"│ {len(ROWS)} │" in local.ok() or f" {len(ROWS)} " in local.out
