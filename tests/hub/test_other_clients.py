"""Two clients that nobody here wrote, against the local Hub: not only our code is to agree with it.

They are not installed with the project. `OPENCODEINSTRUCT_OLAH` names the command of olah (by
default `olah-cli`, if it is on the path), `OPENCODEINSTRUCT_HUBJS` a folder in which
`npm install @huggingface/hub` was run.
"""

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.hub import LocalHub, environment, python
from tests.hub.built import attempt, built, expected
from tests.hub.clients import run
from tests.rows import finished_rows

ROWS = finished_rows(40)
OLAH = os.environ.get("OPENCODEINSTRUCT_OLAH") or shutil.which("olah-cli")
HUBJS = os.environ.get("OPENCODEINSTRUCT_HUBJS")

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=")  # the client warns of itself

UPLOAD = """
import { createRepo, listFiles, uploadFiles } from "@huggingface/hub";
import { readFile } from "node:fs/promises";
const [folder, hubUrl, ...names] = process.argv.slice(2);
const where = { repo: { type: "dataset", name: "me/js" }, accessToken: "hf_writer", hubUrl };
await createRepo(where);
const files = await Promise.all(names.map(async (path) => (
  { path, content: new Blob([await readFile(`${folder}/${path}`)]) }
)));
const done = await uploadFiles({ ...where, files, title: "from JavaScript", useXet: false });
console.log(done.commit.oid);
for await (const file of listFiles({ ...where, recursive: true }))
  if (file.type === "file") console.log(file.path, file.size);
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset."""
    return built(tmp_path_factory.mktemp("others") / "dataset", ROWS)


@contextmanager
def mirror(hub: LocalHub, folder: Path) -> Iterator[str]:
    """The address of an olah in front of `hub` that keeps what it fetches in `folder`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder.mkdir()
    near = hub.url.removeprefix("http://")
    far = near.replace("127.0.0.1", "localhost")
    options = {
        "--host": "127.0.0.1", "--port": str(port), "--hf-scheme": "http", "--hf-netloc": near,
        "--hf-lfs-netloc": far, "--mirror-netloc": f"127.0.0.1:{port}",
        "--mirror-lfs-netloc": f"127.0.0.1:{port}", "--repos-path": str(folder / "repos"),
        "--log-path": str(folder / "logs"),
    }  # fmt: skip
    words = [word for pair in options.items() for word in pair]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    with (folder / "said").open("wb") as said:
        server = subprocess.Popen(
            [str(OLAH), *words], env=env, cwd=folder, stdout=said, stderr=said
        )
        try:
            answers = False
            for _ in range(240):
                assert server.poll() is None, (folder / "said").read_text()
                with socket.socket() as probe:
                    answers = probe.connect_ex(("127.0.0.1", port)) == 0
                if answers:
                    break
                time.sleep(0.5)
            assert answers
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()
            server.wait()


@pytest.mark.skipif(OLAH is None, reason="no olah: OPENCODEINSTRUCT_OLAH names its command")
def test_a_mirror_in_front_of_the_hub_hands_out_the_same(tmp_path: Path, folder: Path) -> None:
    load = (
        "from datasets import load_dataset\n"
        "rows = load_dataset('me/data', 'judge_5_tests_all', split='train')\n"
        "print(sorted(rows['id']))"
    )
    with LocalHub(tmp_path / "hub") as hub:
        attempt(hub, folder).ok()
        straight = hub.python(load).ok()
        with mirror(hub, tmp_path / "olah") as url:
            (tmp_path / "home").mkdir()
            through = python(load, env=environment(url, tmp_path / "home", token=None)).ok()
            card = f"{url}/datasets/me/data/resolve/main/README.md"
            with urllib.request.urlopen(card) as answer:
                assert answer.read() == expected(folder)["README.md"]
            count = len(hub.log.requests(r"\.parquet$", "GET"))
            (tmp_path / "again").mkdir()
            again = python(load, env=environment(url, tmp_path / "again", token=None)).ok()
            assert len(hub.log.requests(r"\.parquet$", "GET")) == count  # the mirror had it
    assert straight == through == again != "[]\n"


@pytest.mark.skipif(
    HUBJS is None or shutil.which("node") is None,
    reason="no node, or OPENCODEINSTRUCT_HUBJS names no folder with @huggingface/hub",
)
@pytest.mark.parametrize("part_size", [16 << 20, 20_000], ids=["whole", "parts"])
def test_the_client_for_javascript_uploads_what_python_loads(
    tmp_path: Path, folder: Path, part_size: int
) -> None:
    script = Path(str(HUBJS)) / "upload.mjs"
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    script.write_text(UPLOAD)
    with LocalHub(tmp_path / "hub", part_size=part_size, page=5) as hub:
        said = run(["node", script, folder, hub.url, *sorted(files)], hub.environment()).ok()
        assert {line.partition(" ")[0] for line in said.splitlines()[1:]} == {
            ".gitattributes",
            *files,
        }
        sent = hub.read("me/js")
        assert sent.pop(".gitattributes")
        assert sent == {name: (folder / name).read_bytes() for name in files}
        assert bool(hub.log.requests("/part/", "PUT")) == (part_size < 1 << 20)
        load = "from datasets import load_dataset\nprint(len(load_dataset('me/js', split='train')))"
        assert int(hub.python(load).ok()) == len(ROWS)
