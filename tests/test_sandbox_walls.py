"""The sandbox: what a program cannot do to the machine, and what is not left of it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from opencodeinstruct.builder.errors import Missing, ServiceError
from opencodeinstruct.builder.schema import VERDICTS
from opencodeinstruct.tools.ports import Limits, Program
from opencodeinstruct.tools.sandbox import Sandbox, check_walls, describe
from opencodeinstruct.tools.sandbox.check import advice
from opencodeinstruct.tools.sandbox.fork_server import ForkServer, ServerDied, Work
from opencodeinstruct.tools.sandbox.inside.records import HELLO
from opencodeinstruct.tools.sandbox.walls import Launch, find_bwrap
from tests.programs import (
    ADD,
    Open,
    adopt_orphans,
    descendants,
    nothing_is_left,
    opened,
    start_all,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Open]:
    with opened() as box:
        yield box


WALL_CASES = [
    ("/etc/passwd", "open('/etc/passwd')", "FileNotFoundError"),
    ("the home folder", f"os.listdir({str(Path.home() / '.cache')!r})", "FileNotFoundError"),
    ("this file", f"open({str(Path(__file__))!r})", "FileNotFoundError"),
    ("/proc", "os.listdir('/proc')", "FileNotFoundError"),
    ("a write to the root", "open('/x', 'w')", "OSError: [Errno 30]"),
    ("a write to /dev", "open('/dev/x', 'w')", "OSError: [Errno 30]"),
    ("a write to the library", "open(os.__file__, 'a')", ("OSError", "PermissionError")),
    ("a large file", "open('/tmp/x', 'wb').truncate(1 << 27)", "OSError: [Errno 27]"),
    ("a server elsewhere", "connect(('192.0.2.1', 80))", "PermissionError"),
    ("a name server", "socket.getaddrinfo('localhost.test', 80)", "gaierror"),
    ("another user", "os.setuid(0)", ("PermissionError", "OSError")),
    ("third-party packages", "__import__('pytest')", "ModuleNotFoundError"),
    ("this project", "__import__('opencodeinstruct.tools')", "ModuleNotFoundError"),
    ("a shell", "os.execv('/bin/sh', ['sh'])", "PermissionError"),
    ("other processes", "os.kill(1, 0)", "PermissionError"),
    ("a new process", "os.fork()", "PermissionError"),
    ("the date of a device", "os.utime('/dev/null')", "OSError: [Errno 30]"),
]


@pytest.mark.parametrize(
    ("attempt", "refusal"), [pytest.param(*case, id=name) for name, *case in WALL_CASES]
)
def test_a_program_cannot_reach(
    sandbox: Open, attempt: str, refusal: str | tuple[str, ...]
) -> None:
    code = (
        "import os, socket\n"
        "def connect(address):\n    socket.socket().connect(address)\n    return True"
    )
    verdict = sandbox.result(code, f"assert ({attempt},)").verdicts[0]
    assert verdict.verdict == "error"
    assert (verdict.exception or "").startswith(refusal)


def test_the_environment_is_none_of_ours() -> None:
    script = (
        "from tests.programs import opened\nwith opened() as box:\n"
        "    verdicts = box.verdicts('import os', 'assert \"SECRET\" not in os.environ')\n"
        "    raise SystemExit(verdicts != ['pass'])"
    )
    environment = {**os.environ, "SECRET": "x"}
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, cwd=root)


def test_deleting_everything_deletes_nothing_of_ours(sandbox: Open, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("still here")
    code = (
        "import os, shutil\ndef f():\n    shutil.rmtree('/', ignore_errors=True)\n"
        f"    shutil.rmtree({str(tmp_path)!r}, ignore_errors=True)\n    return True"
    )
    assert sandbox.verdicts(code, "assert f()", limits=Limits()) == ["pass"]
    assert kept.read_text() == "still here"
    assert Path(os.__file__).exists() and Path(sys.executable).exists()


def test_a_program_finds_an_empty_tmp_and_its_files_do_not_outlive_it(sandbox: Open) -> None:
    code = "import os\nseen = os.listdir('/tmp')\nopen('/tmp/opencodeinstruct-mark', 'w').close()"
    for _ in range(2):
        assert sandbox.verdicts(code, "assert seen == []") == ["pass"]
    assert not Path("/tmp/opencodeinstruct-mark").exists()


def test_tmp_is_small(sandbox: Open) -> None:
    code = (
        "def f():\n    for n in range(8):\n"
        "        with open(f'/tmp/{n}', 'wb') as file: file.write(bytes(20 << 20))"
    )
    assert "[Errno 28]" in (sandbox.result(code, "assert f()").verdicts[0].exception or "")


LEFTOVER_CASES = [
    ("a fork bomb", "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"),
    (
        "a daemon",
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        time.sleep(600)\n    os._exit(0)",
    ),
    (
        "a child that holds the verdict pipe",
        "import os, time\nif os.fork() == 0:\n    time.sleep(600)\nos._exit(0)",
    ),
    ("a stopped process", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)"),
    ("a kill of all", "import os, signal\nos.kill(-1, 9)\nos.kill(1, 9)\nos.kill(1, 19)"),
    (
        "an interrupt of the driver",
        "import os, signal\nfor n in (1, 2, 3, 13, 14, 15): os.kill(1, n)",
    ),
]


@pytest.mark.parametrize("code", [pytest.param(code, id=reason) for reason, code in LEFTOVER_CASES])
def test_nothing_is_left_of(sandbox: Open, code: str) -> None:
    start_all(sandbox)
    before = adopt_orphans()
    verdicts = sandbox.verdicts(code, "assert True", "assert True")
    assert len(verdicts) == 2 and set(verdicts) <= set(VERDICTS)
    assert nothing_is_left(before)


def test_cancelling_a_call_kills_its_program() -> None:
    before = adopt_orphans()

    async def scenario() -> None:
        async with Sandbox(workers=1) as sandbox:
            program = Program("while True: pass", ("assert True",), limits=Limits(600, 600))
            call = asyncio.create_task(sandbox(program))
            while not any("sandbox.inside" in line for line in descendants().values()):
                await asyncio.sleep(0.01)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert nothing_is_left(before)
            again = await sandbox(Program(ADD, ("assert add(1, 1) == 2",)))
            assert again.verdicts[0].verdict == "pass"

    asyncio.run(scenario())


def test_closing_the_sandbox_ends_what_still_runs() -> None:
    before = adopt_orphans()

    async def scenario() -> None:
        async with Sandbox(workers=2) as sandbox:
            endless = Program("while True: pass", ("assert True",), limits=Limits(600, 600))
            calls = [asyncio.create_task(sandbox(endless)) for _ in range(4)]
            await asyncio.sleep(0.1)
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result) for result in results] == [ServiceError] * 4
        with pytest.raises(ServiceError, match="not open"):
            await sandbox(endless)

    asyncio.run(scenario())
    assert nothing_is_left(before)


def test_killing_the_pipeline_kills_its_programs() -> None:
    before = adopt_orphans()
    script = (
        "from tests.programs import *\nwith opened() as box:\n"
        "    print('ready', flush=True)\n"
        "    box.result('while True: pass', 'assert True', limits=Limits(600, 600))"
    )
    root = Path(__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=root, stdout=subprocess.PIPE
    ) as pipeline:
        assert pipeline.stdout is not None and pipeline.stdout.readline() == b"ready\n"
        while not any("sandbox.inside" in line for line in descendants().values()):
            assert pipeline.poll() is None
            time.sleep(0.01)
        pipeline.send_signal(signal.SIGKILL)
    assert nothing_is_left(before)


def test_a_server_that_falls_silent_is_killed_with_all_that_it_started() -> None:
    before = adopt_orphans()
    talk = (
        "import os, socket, subprocess, time; line = socket.socket(fileno=0);"
        f"line.send({HELLO!r}); subprocess.Popen(['sleep', '600']); time.sleep(600)"
    )
    limits = Limits(cpu_seconds=0.01, wall_seconds=0.01, total_seconds=0.01)
    work = Work("", ("assert 1",), entry_point=None, limits=limits, split=False)

    async def scenario() -> None:
        server = ForkServer(Launch((sys.executable, "-c", talk)), patience=0.5)
        await server.start()
        with pytest.raises(ServerDied):
            await server.run(work)
        assert not server.alive

    asyncio.run(scenario())
    assert nothing_is_left(before)


def test_no_more_programs_run_at_once_than_there_are_workers() -> None:
    async def scenario() -> None:
        async with Sandbox(workers=2, policy="screen") as sandbox:
            program = Program("import time; time.sleep(0.3)", ("assert True",))
            started = time.monotonic()
            await asyncio.gather(*(sandbox(program) for _ in range(6)))
            assert time.monotonic() - started >= 3 * 0.3

    asyncio.run(scenario())


def first_in_its_namespace(pid: int) -> bool:
    """Whether a process is the first of a pid namespace below ours: a fork server."""
    status = Path(f"/proc/{pid}/status").read_text()
    return "\nNSpid:\t" in status and status.split("\nNSpid:")[1].split("\n")[0].split()[1:] == [
        "1"
    ]


def test_a_server_that_is_killed_costs_no_verdict() -> None:
    others = set(descendants())

    async def scenario() -> None:
        async with Sandbox(workers=2, policy="screen") as sandbox:
            program = Program("import time; time.sleep(0.2)", ("assert True", "assert False"))
            await asyncio.gather(*(sandbox(program) for _ in range(2)))
            calls = [asyncio.create_task(sandbox(program)) for _ in range(6)]
            await asyncio.sleep(0.3)
            servers = [
                pid for pid in descendants() if first_in_its_namespace(pid) and pid not in others
            ]
            for pid in servers:
                os.kill(pid, signal.SIGKILL)
            assert len(servers) == 2
            results = await asyncio.gather(*calls)
            verdicts = {tuple(one.verdict for one in result.verdicts) for result in results}
            assert verdicts == {("pass", "fail")}

    asyncio.run(scenario())


def script_at(path: Path, text: str) -> Path:
    """An executable shell script."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


BROKEN_CASES = [
    ("it fails", "echo no namespaces >&2; exit 1", "no namespaces"),
    ("it says nothing", "exit 0", "it said nothing"),
    (
        "it builds no walls",
        'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
        "it failed before it had begun",
    ),
    (
        "it leaves the network open",
        'for a; do shift; [ "$a" = --unshare-net ] || set -- "$@" "$a"; done; exec BWRAP "$@"',
        "the network is not another one",
    ),
    (
        "it shows the files of /etc",
        'for a; do shift; [ "$a" = --remount-ro ] && [ "$1" = / ] && set -- "$@" --ro-bind /etc '
        '/etc; set -- "$@" "$a"; done; exec BWRAP "$@"',
        "private files can be read",
    ),
    (
        "it leaves a folder writable",
        'for a; do shift; [ "$a" = --remount-ro ] && [ "$1" = / ] && set -- "$@" --perms 1777 '
        '--tmpfs /dev --dev-bind /dev/null /dev/null; set -- "$@" "$a"; done; exec BWRAP "$@"',
        "files outside of /tmp can be written",
    ),
]


@pytest.mark.parametrize(
    ("text", "words"),
    [pytest.param(*case, id=reason) for reason, *case in BROKEN_CASES],
)
def test_nothing_runs_when_the_walls_do_not_hold(tmp_path: Path, text: str, words: str) -> None:
    bwrap = script_at(tmp_path / "bwrap", text.replace("BWRAP", str(find_bwrap())))
    with pytest.raises(Missing, match=words) as caught:
        asyncio.run(Sandbox(bwrap=bwrap).__aenter__())
    assert "\n" not in str(caught.value)
    walls = check_walls(bwrap)
    assert not walls.ok and words in walls.reason and walls.advice


def test_a_bubblewrap_that_is_absent_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="cannot be started"):
        asyncio.run(Sandbox(bwrap=tmp_path / "none").__aenter__())
    assert describe(tmp_path / "none").startswith("sandbox: ")


def test_a_server_that_cannot_be_started_is_tried_once_more_and_then_reported(
    tmp_path: Path,
) -> None:
    count = tmp_path / "count"
    flaky = f"echo x >> {count}; n=$(wc -l < {count}); [ -e {tmp_path}/fail$n ] && exit 1; "
    bwrap = script_at(tmp_path / "bwrap", flaky + f'exec {find_bwrap()} "$@"')
    program = Program(ADD, ("assert add(1, 1) == 2",))

    def starts() -> int:
        return len(count.read_text().split())

    async def scenario() -> None:
        async with Sandbox(workers=1, bwrap=bwrap, policy="screen") as sandbox:
            (tmp_path / f"fail{starts() + 1}").touch()
            assert (await sandbox(program)).verdicts[0].verdict == "pass"
            crash = Program("import os; os._exit(0)", ("assert True",))
            before = starts()
            assert (await sandbox(crash)).verdicts[0].verdict == "crash"
            assert starts() == before  # a crash is a verdict, and is not tried again
        async with Sandbox(workers=1, bwrap=bwrap, policy="screen") as sandbox:
            for more in (1, 2):
                (tmp_path / f"fail{starts() + more}").touch()
            with pytest.raises(ServiceError, match="failed before it had begun"):
                await sandbox(program)

    asyncio.run(scenario())


ADVICE_CASES = [
    ("proc/sys/kernel/unprivileged_userns_clone", "0", "unprivileged_userns_clone=1"),
    ("proc/sys/user/max_user_namespaces", "0", "max_user_namespaces="),
    ("proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor"),
    (".dockerenv", "", "seccomp=unconfined"),
    ("run/.containerenv", "", "seccomp=unconfined"),
    ("proc/sys/user/max_user_namespaces", "9", "CONFIG_USER_NS"),
]


@pytest.mark.parametrize(("name", "value", "words"), ADVICE_CASES)
def test_the_advice_fits_the_machine(tmp_path: Path, name: str, value: str, words: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value + "\n")
    assert words in advice(tmp_path)


def test_the_description_says_how_the_walls_are_built() -> None:
    assert describe().startswith("sandbox: the walls hold (bubblewrap ")
