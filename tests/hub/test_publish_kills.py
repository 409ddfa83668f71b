"""Ten kills of a publication, amid failures: nothing is lost or doubled, and all always loads."""

import random
import subprocess
from pathlib import Path

import pytest

from tests.hub import Fault, LocalHub
from tests.hub.built import built, expected, publish_command, published, start_publish
from tests.rows import finished_rows

KILLS = 10
ROWS = finished_rows(40)
MORE = [*ROWS[8:], *finished_rows(12, seed=1)]
TROUBLE = (
    Fault(r"/lfs/", "PUT", after=2, status=503, times=2),
    Fault(r"/lfs/", "PUT", after=4, cut="upload"),
    Fault(r"/lfs/", "PUT", after=6, status=507),  # the Hub's disk is full
    Fault(r"/commit/", "POST", cut="after"),
    Fault(r"/commit/", "POST", status=503),
    Fault(r"/preupload/", "POST", cut="before"),
)
LOAD = "from datasets import load_dataset\nprint(len(load_dataset('me/data', split='train')))"


def killing(running: list["subprocess.Popen[bytes]"], after: int) -> Fault:
    """What kills the process that will be in `running` when it has made so many requests."""
    return Fault("", after=after, act=lambda: running[0].kill())


@pytest.mark.parametrize("xet", [False, True], ids=["lfs", "xet"])
def test_kills_at_any_point_leave_the_old_dataset_or_the_new_one(tmp_path: Path, xet: bool) -> None:
    draw = random.Random(7)
    old = built(tmp_path / "old" / "dataset", ROWS)
    new = built(tmp_path / "new" / "dataset", MORE)
    with LocalHub(tmp_path / "hub") as hub:
        publish_command(hub, old, "--tag", "v1", xet=xet, home=tmp_path / "home").ok()
        steps = len(hub.log.requests())
        for turn in range(KILLS):
            hub.faults.clear()
            hub.log.clear()
            # The killing one stands first: of faults that fit, only the first acts.
            running: list[subprocess.Popen[bytes]] = []
            at = draw.randrange(1, steps)
            hub.faults.add(killing(running, at))
            for fault in draw.sample(TROUBLE, 2):
                hub.faults.add(fault)
            running.append(start_publish(hub, new, xet=xet, home=tmp_path / "home"))
            running[0].communicate(timeout=300)
            now = published(hub)
            assert now in (expected(old), expected(new)), f"turn {turn}, killed at {at}"
            assert published(hub, revision="v1") == expected(old)
            rows = len(ROWS) if now == expected(old) else len(MORE)
            if turn in (3, 7):
                assert int(hub.python(LOAD, xet=xet).ok()) == rows
        hub.faults.clear()
        publish_command(hub, new, "--tag", "v2", xet=xet, home=tmp_path / "home").ok()
        assert published(hub) == published(hub, revision="v2") == expected(new)
        assert int(hub.python(LOAD, xet=xet).ok()) == len(MORE)
        assert [commit.title for commit in hub.commits("me/data")] == [
            f"Publish {len(MORE)} rows",
            f"Publish {len(ROWS)} rows",
            "initial commit",
        ]
