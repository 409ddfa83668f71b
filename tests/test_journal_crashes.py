"""The journal when the run is killed, the disk is full or another run comes along."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from opencodeinstruct.builder.errors import RunFolderError
from opencodeinstruct.tools.llm.journal import Journal, asked
from tests.test_journal import question, recalled

ROOT = Path(__file__).parent.parent


def test_a_second_run_on_the_same_folder_is_told_who_has_it(tmp_path: Path) -> None:
    with Journal(tmp_path / "j"):
        with pytest.raises(RunFolderError, match=rf"another run .*\(process {os.getpid()}\)"):
            recalled(tmp_path / "j", question())
        other = subprocess.run(
            [sys.executable, "-c", KILLED, str(tmp_path / "j")],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        assert "RunFolderError" in other.stderr
    assert recalled(tmp_path / "j", question()) is None


KILLED = """
import asyncio, sys
from pathlib import Path
from opencodeinstruct.tools.llm.journal import Journal, asked
from opencodeinstruct.tools.ports import Answer
from tests.test_journal import question

async def work(journal, worker):
    for n in range(1_000_000):
        own = asked("m", question(f"{worker}-{n}"))
        await journal.record(own, Answer(f"a{worker}-{n}" * 50, "m"))
        sys.stdout.write(f"{worker}-{n}\\n")
        sys.stdout.flush()

async def main(journal):
    await asyncio.gather(*[work(journal, worker) for worker in range(8)])

with Journal(Path(sys.argv[1])) as journal:
    asyncio.run(main(journal))
"""


def test_a_run_killed_at_any_moment_keeps_every_answer_it_was_given(tmp_path: Path) -> None:
    path, kept = tmp_path / "j", 0
    for lines in (1, 40, 333):  # after so many answers
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        ) as run:
            assert run.stdout is not None
            told = [run.stdout.readline().strip() for _ in range(lines)]
            run.send_signal(signal.SIGKILL)
            told += run.stdout.read().split("\n")[:-1]
        with Journal(path) as journal:
            for name in told:
                answer = journal.recall(asked("m", question(name)))
                assert answer is not None, name
                assert answer.text == f"a{name}" * 50
            kept = max(kept, len(told))
            assert journal.statistics().answers >= kept


FULL = """
import asyncio, resource, sys
from pathlib import Path
from opencodeinstruct.builder.errors import Missing
from opencodeinstruct.tools.llm.journal import Journal, asked
from opencodeinstruct.tools.ports import Answer
from tests.test_journal import question

async def fill(journal):
    for n in range(1000):
        await journal.record(asked("m", question(str(n))), Answer("x" * 5000, "m"))

async def main(journal):
    try:
        await fill(journal)
    except Missing as error:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        sys.stdout.write(f"{error}")
        await journal.record(asked("m", question("room again")), Answer("x", "m"))

with Journal(Path(sys.argv[1])) as journal:
    asyncio.run(main(journal))
"""


def test_a_full_disk_is_said_and_the_journal_is_whole_when_there_is_room_again(
    tmp_path: Path,
) -> None:
    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))

    run = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "j")],
        preexec_fn=no_room,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert "Make room on the disk" in run.stdout
    with Journal(tmp_path / "j") as journal:
        assert journal.recall(asked("m", question("0"))) is not None
        assert journal.recall(asked("m", question("room again"))) is not None
