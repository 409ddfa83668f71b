"""Running the real pipeline in tests: a recipe, its command as a process, its files as hashes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent

PROBLEM = (
    '{{"statement": "Write a function `near_{n}` that takes a list of integers `values` and an '
    "integer `goal` and returns how many of the {w} lie within {n} of the goal, counting each "
    'position of the list once and nothing twice.", '
    '"entry": "near_{n}", "head": "def near_{n}(values: list[int], goal: int) -> int"}}'
)


def write_recipe(folder: Path, base_url: str, **changes: object) -> Path:
    """A small recipe with code and problem seeds against the endpoint at `base_url`."""
    words = ("apples in the basket", "marbles on the table", "candles of the chandelier")
    lines = [PROBLEM.format(n=index + 2, w=word) for index, word in enumerate(words)]
    (folder / "problems.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "code.py").write_text(CODE, encoding="utf-8")
    recipe: dict[str, object] = {
        "name": "small",
        "seed": 3,
        "model": {"base_url": base_url, "name": "test-model", "max_concurrent_requests": 4},
        "rows_per_part": 4,
        "seeds": [
            {"kind": "code", "path": "code.py", "license": "MIT"},
            {
                "kind": "problems",
                "path": "problems.jsonl",
                "fields": {"input": "statement", "entry_point": "entry", "signature": "head"},
                "license": "CC0-1.0",
            },
        ],
        "evolve": {"colonies": 2, "generations": 2, "children": 4},
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**recipe, **changes}), encoding="utf-8")
    return path


CODE = "\n\n".join(
    f'def piece_{index}(items, size):\n    """Do the {name} of items."""\n'
    f"    return [item for item in items if item > size + {index}]\n"
    for index, name in enumerate(("sifting", "raking", "combing", "panning"))
)


def command(*arguments: str | Path) -> list[str]:
    """The command line as a process of its own."""
    return [sys.executable, "-m", "opencodeinstruct.tools", *map(str, arguments)]


def environment(home: Path) -> dict[str, str]:
    """A clean environment whose home and caches are in `home`."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(home / "hf"),
        "MPLCONFIGDIR": str(home / "mpl"),
    }


def run(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command in `folder` to its end."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextmanager
def served(folder: Path, script: str = "tests.scripted:answer") -> Iterator[tuple[str, Path]]:
    """A scripted endpoint in its own process: (base URL, log of the requests received)."""
    log = folder / "asked.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.endpoint", "--script", script, "--log", str(log)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), log
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


_TIMED = {"journal", "events", "usage"}  # they say when, and how long it took


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file that a run made of its answers, by path below `folder`."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock" and path.name.partition(".")[0] not in _TIMED
    }
