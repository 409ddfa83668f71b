"""Clients of a local Hub run as processes of their own: where it is, is read from the environment
when `huggingface_hub` is imported, and nothing may come from this machine's own cache.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Done:
    """How a client's process ended."""

    code: int
    out: str
    err: str

    def __post_init__(self) -> None:
        assert "Traceback" not in self.out

    def ok(self) -> str:
        """What it printed; it is an error here if it failed."""
        assert self.code == 0, f"exit {self.code}\n{self.out}\n{self.err}"
        return self.out


def environment(
    url: str, home: Path, *, token: str | None = "writer", xet: bool = False
) -> dict[str, str]:
    """The environment of a client of the Hub at `url` whose caches are below `home` alone."""
    kept = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONWARNINGS")
    named = {name: os.environ[name] for name in kept if name in os.environ}
    return {
        **named,
        "HOME": str(home),
        "HF_HOME": str(home / "hf"),
        "HF_ENDPOINT": url,
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "0" if xet else "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "0" if xet else "1",  # Xet counts for its bars only
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "NO_PROXY": "*",
        "PYTHONPATH": str(ROOT),
        **({"HF_TOKEN": token} if token else {}),
    }


def run(
    command: Sequence[str | Path],
    env: Mapping[str, str],
    *,
    timeout: float = 300,
    cwd: Path | None = None,
) -> Done:
    """Run `command` to its end."""
    ended = subprocess.run(
        [str(part) for part in command],
        env=dict(env),
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd or env["HOME"],
        check=False,
    )
    return Done(ended.returncode, ended.stdout, ended.stderr)


def python(
    program: str,
    *arguments: str | Path,
    env: Mapping[str, str],
    interpreter: str | Path = sys.executable,
    timeout: float = 300,
) -> Done:
    """Run `program`, Python's source text, to its end; `sys.argv[1:]` are `arguments`."""
    return run([interpreter, "-c", program, *arguments], env, timeout=timeout)
