"""Starting `vllm serve`, with a program of that name which serves our small endpoint."""

import asyncio
import http.client
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from opencodeinstruct.builder.errors import Missing, ServiceError
from opencodeinstruct.tools.llm.model_settings import ModelSettings
from opencodeinstruct.tools.llm.servers import Servers, served_name
from opencodeinstruct.tools.llm.vllm_server import VllmServer
from opencodeinstruct.tools.ports import Answer, Message, Request, Sampling

ROOT = Path(__file__).parent.parent

PREPARE = """
import os, subprocess, sys, time
from pathlib import Path
here = Path(__file__).parent
(here / "asked").write_text(" ".join(sys.argv[1:]))
helper = subprocess.Popen(["sleep", "1000"])
(here / "pids").write_text(f"{os.getpid()} {helper.pid}")
print("\\x1b[32mloading\\x1b[0m weights", flush=True)
time.sleep(0.5)  # it takes a while, and is looked at meanwhile
port = int(sys.argv[sys.argv.index("--port") + 1])
"""
SERVES = """
from tests.endpoint import Endpoint, last_message
with Endpoint(last_message, port=port):
    time.sleep(1000)
"""
FAILS = """
print("CUDA out of memory", file=sys.stderr)
helper.kill()
sys.exit(3)
"""
ENGINE_FAILS = """
print('''(APIServer pid=7) INFO 11-26 14:38:40 [kernel.py:292] Final IR op priority
(EngineCore pid=9) ERROR 11-26 14:39:05 [core.py:1231] EngineCore failed to start.
(EngineCore pid=9)   File "/lib/vllm/v1/worker/gpu_worker.py", line 413, in load_model
(EngineCore pid=9) torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB
[rank0]:[W1126 14:39:06 ProcessGroupNCCL.cpp:1575] Warning: destroy_process_group() was not called
(APIServer pid=7) RuntimeError: Engine core initialization failed. See root cause above.''')
helper.kill()
sys.exit(1)
"""
HANGS = """
import signal
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
time.sleep(1000)
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put a `vllm` that does as it is told on the PATH; the folder it lies in."""

    def install(code: str) -> Path:
        program = tmp_path / "bin" / "vllm"
        program.parent.mkdir()
        program.write_text(f"#!{sys.executable}\n{PREPARE}{code}")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        return program.parent

    return install


def wait_until_gone(folder: Path) -> None:
    """Return when vLLM and what it started have ended; the test's own limit ends a wrong wait."""
    for pid in (folder / "pids").read_text().split():
        waited = threading.Event()
        for _ in range(1000):
            try:
                os.kill(int(pid), 0)
                if Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] == "Z":
                    break  # dead; in a container nobody may collect it
            except (ProcessLookupError, FileNotFoundError):
                break
            waited.wait(0.02)
        else:
            pytest.fail(f"process {pid} is still there")


def test_the_server_is_ready_when_entered_and_gone_with_its_helpers_afterwards(
    tmp_path: Path, installed: Callable[[str], Path]
) -> None:
    folder = installed(SERVES)
    told: list[str] = []
    with VllmServer(
        "org/model", tmp_path / "v.log", progress=lambda *report: told.append(report[2])
    ) as server:
        port = int(server.base_url.removeprefix("http://127.0.0.1:").removesuffix("/v1"))
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/v1/models")
        assert connection.getresponse().status == 200
        connection.close()
    asked = (folder / "asked").read_text()
    assert asked.startswith("serve org/model --host 127.0.0.1 ")
    assert asked.endswith(f" --port {port}")
    assert any("weights" in what for what in told)
    wait_until_gone(folder)


def test_a_folder_is_served_under_a_name_that_does_not_tell_where_it_lies(
    tmp_path: Path, installed: Callable[[str], Path]
) -> None:
    program = installed(SERVES)
    folder = tmp_path / "some" / "Small-Model"
    folder.mkdir(parents=True)
    settings = ModelSettings.model_validate(f"vllm:{folder}")

    async def ask() -> Answer:
        async with Servers([settings], log_folder=tmp_path / "logs") as servers:
            client = await servers.client(settings)
            request = Request("solver", (Message("user", "hello"),), Sampling(), seed=1)
            return await client.ask(request, served_name(settings))

    assert asyncio.run(ask()).text == "hello"
    asked = (program / "asked").read_text()
    assert f"serve {folder} --host 127.0.0.1 " in asked
    assert " --served-model-name Small-Model" in asked
    assert '{"backend": "xgrammar", "disable_any_whitespace": true}' in asked
    assert (tmp_path / "logs/vllm-Small-Model.log").exists()


def test_a_folder_that_is_not_there_is_said_before_anything_is_started(tmp_path: Path) -> None:
    settings = ModelSettings.model_validate(f"vllm:{tmp_path}/nowhere")

    async def connect() -> None:
        async with Servers([settings], log_folder=tmp_path) as servers:
            await servers.client(settings)

    with pytest.raises(Missing, match="nowhere is no folder of a model"):
        asyncio.run(connect())


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (FAILS, r"CUDA out of memory\. The whole log is .*v\.log"),
        (ENGINE_FAILS, r"ready: torch\.OutOfMemoryError: CUDA out of memory\."),
    ],
)
def test_a_vllm_that_ends_early_says_its_last_words_or_what_its_engine_died_of(
    tmp_path: Path, installed: Callable[[str], Path], code: str, said: str
) -> None:
    installed(code)
    with pytest.raises(ServiceError, match=said), VllmServer("m", tmp_path / "v.log"):
        pass


def test_a_vllm_that_is_never_ready_is_given_up_and_ended(
    tmp_path: Path, installed: Callable[[str], Path]
) -> None:
    folder = installed(HANGS)
    with (
        pytest.raises(ServiceError, match="not ready after"),
        VllmServer("m", tmp_path / "v.log", longest_start=0.8),
    ):
        pass
    wait_until_gone(folder)


def test_a_start_that_is_stopped_by_its_watcher_leaves_nothing_behind(
    tmp_path: Path, installed: Callable[[str], Path]
) -> None:
    folder = installed(HANGS)

    def stop_soon(done: int, total: int, what: str) -> None:
        if "weights" in what:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), VllmServer("m", tmp_path / "v", progress=stop_soon):
        pass
    wait_until_gone(folder)


def test_without_vllm_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match="pip install"), VllmServer("m", tmp_path / "v.log"):
        pass


HOLDS = """
import sys, time
from pathlib import Path
from opencodeinstruct.tools.llm.vllm_server import VllmServer
with VllmServer("m", Path(sys.argv[1])):
    print("ready", flush=True)
    time.sleep(1000)
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_the_server_goes_with_the_run_however_the_run_ends(
    tmp_path: Path, installed: Callable[[str], Path], ending: signal.Signals
) -> None:
    folder = installed(SERVES)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path / "v.log")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"ready\n"
        run.send_signal(ending)
    wait_until_gone(folder)
