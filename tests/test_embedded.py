"""The embedded server, with real weights where this machine has them."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from opencodeinstruct.builder.errors import Missing
from opencodeinstruct.tools.llm.embedded import EmbeddedServer
from opencodeinstruct.tools.llm.model_settings import ModelSettings
from opencodeinstruct.tools.llm.servers import served_name
from opencodeinstruct.tools.llm.weights import KNOWN, MODEL_VARIABLE, cached
from opencodeinstruct.tools.ports import Answer, Message, Refused, Request, Sampling
from tests.test_client import client_of

ROOT = Path(__file__).parent.parent
SCORE = {
    "type": "object",
    "properties": {"score": {"type": "integer", "minimum": 1, "maximum": 5}},
    "required": ["score"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def weights() -> Path:
    """Weights on this machine; tests fetch none."""
    own = os.environ.get(MODEL_VARIABLE)
    path = Path(own) if own else cached(KNOWN["embedded:0.5b"])
    if path is None:
        pytest.skip("the embedded model is not in the cache; `make quickstart` fetches it")
    return path


def question(text: str, *, max_tokens: int = 24, schema: bool = False) -> Request:
    sampling = Sampling(max_tokens=max_tokens, temperature=0)
    return Request("judge", (Message("user", text),), sampling, 1, SCORE if schema else None)


async def asked(server: EmbeddedServer, *requests: Request) -> list[Answer]:
    settings = ModelSettings.model_validate({"base_url": server.base_url, "name": server.path.stem})
    async with client_of(settings) as client:
        assert await client.models() == (server.path.stem,)
        return list(await asyncio.gather(*[client.ask(r, server.path.stem) for r in requests]))


@pytest.mark.model
def test_it_answers_several_at_once_in_the_schema_asked_for_and_refuses_what_is_too_long(
    weights: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with EmbeddedServer(weights, slots=2, context_tokens=512) as server:
        one, two, three = asyncio.run(
            asked(
                server,
                question("What is 2 + 2? Answer with one number."),
                question("Rate this solution from 1 to 5: `return x`.", schema=True),
                question("Count from 1 to 100.", max_tokens=8),
            )
        )
        with pytest.raises(Refused, match="context"):
            asyncio.run(asked(server, question("word " * 600)))
    assert "4" in one.text
    assert 1 <= json.loads(two.text)["score"] <= 5
    assert (three.finish_reason, three.completion_tokens) == ("length", 8)
    assert one.model == weights.stem
    assert (one.prompt_tokens or 0) > 10
    assert capfd.readouterr() == ("", "")  # llama.cpp's log would be mixed into our progress


@pytest.mark.model
def test_ctrl_c_while_the_model_writes_ends_the_process_at_once_and_cleanly(weights: Path) -> None:
    code = """
import asyncio, sys
from pathlib import Path
from opencodeinstruct.tools.llm.embedded import EmbeddedServer
from tests.test_embedded import asked, question

async def main(server):
    asking = asyncio.create_task(asked(server, question("Write an essay.", max_tokens=3000)))
    await asyncio.sleep(1)
    print("asked", flush=True)
    await asking

with EmbeddedServer(Path(sys.argv[1]), slots=1, context_tokens=4096) as server:
    try:
        asyncio.run(main(server))
    except KeyboardInterrupt:
        print("stopped", flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code, str(weights)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"asked\n"
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=20)
    assert (run.returncode, out, err) == (0, b"stopped\n", b"")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no GGUF file"),
        (b"<html>a login page</html>", "no GGUF file"),
        (b"GGUF" + bytes(range(256)) * 40, "cannot be loaded"),  # damaged
        (None, "No such file"),
    ],
)
def test_a_file_that_is_no_model_is_said_before_anything_else_is_done(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    path = tmp_path / "model.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Missing, match=says), EmbeddedServer(path, slots=1, context_tokens=512):
        pass


def test_the_name_in_answers_is_that_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MODEL_VARIABLE, raising=False)
    names = [served_name(ModelSettings.model_validate(m)) for m in ("embedded", "/x/My-1.5.gguf")]
    assert names == ["qwen2.5-coder-0.5b-instruct-q4_k_m", "My-1.5"]
    monkeypatch.setenv(MODEL_VARIABLE, "/y/own.gguf")
    assert served_name(ModelSettings.model_validate("embedded:1.5b")) == "own"
