"""A small recipe on a real vLLM, served and in process: small_recipe.py MODEL_FOLDER [WAY ...].

A model of 135 million parameters solves next to nothing, so what is looked at is the asking: every
request was answered by vLLM, none was deferred, and no vLLM is left when the run is over.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from opencodeinstruct.tools.llm.ledger import ledger

WAYS = ("vllm", "vllm-offline")
PROBLEM = (
    "Write a function `add_{n}` that takes an integer `x` and returns it with {n} added to it."
)


def recipe_in(folder: Path, way: str, model: Path) -> Path:
    """A recipe with six problems, each of which is solved and tested."""
    problems = [
        {"input": PROBLEM.format(n=n), "signature": f"def add_{n}(x: int) -> int"} for n in range(6)
    ]
    lines = "".join(json.dumps(problem) + "\n" for problem in problems)
    (folder / "problems.jsonl").write_text(lines, encoding="utf-8")
    recipe = folder / "small.yaml"
    recipe.write_text(
        f"model: {{name: '{way}:{model}', max_concurrent_requests: 16}}\n"
        "seeds:\n  - {kind: problems, path: problems.jsonl, license: CC0-1.0}\n"
        "evolve: {colonies: 1, generations: 1, children: 4}\n"
        "respond: {tries: 1, sampling: {max_tokens: 120}}\n"
        "testgen: {tries: 1, sampling: {max_tokens: 120}}\n"
        "dedup: {threshold: 1.0}\n",
        encoding="utf-8",
    )
    return recipe


def servers() -> list[str]:
    """Command lines of vLLM servers on this machine."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if "vllm serve" in line:
            lines.append(line)
    return lines


def is_well(way: str, model: Path) -> bool:
    """Run the recipe in one way; whether all is as it should be, and on stderr what is not."""
    with tempfile.TemporaryDirectory(prefix="test-vllm-") as place:
        folder = Path(place)
        command = [sys.executable, "-m", "opencodeinstruct.tools", "run"]
        began = time.monotonic()
        run = subprocess.run(
            [*command, str(recipe_in(folder, way, model)), "--out", str(folder / "run")],
            cwd=folder,
            env={**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"},
            check=False,
        )
        seconds = time.monotonic() - began
        left = servers()
        if not (folder / "run/journal.sqlite").exists():
            sys.stderr.write(f"wrong: {way}: no journal, exit code {run.returncode}\n")
            return False
        with ledger(folder / "run/journal.sqlite") as book:
            totals = book.totals()
        lines = (folder / "run/events.jsonl").read_text("utf-8").splitlines()
        logs = sorted(path.name for path in (folder / "run").glob("vllm-*.log"))
    events = [json.loads(line) for line in lines]
    answers = sum(total.answers for total in totals)
    models = sorted({total.model for total in totals})
    sys.stdout.write(
        f"{way}: {answers} answers by {', '.join(models)} in {seconds:.0f} s, {logs}\n"
        f"{[event for event in events if event['event'] == 'run_ended']}\n"
    )
    wrong = [
        (run.returncode not in (0, 1), f"exit code {run.returncode}"),
        (answers < 6, f"only {answers} answers"),
        (any(event.get("deferred") for event in events), "rows deferred"),
        (bool(left), f"still running: {left}"),
        (models != [model.name], f"other models: {models}"),
        (logs != [f"vllm-{model.name}.log"], f"other logs: {logs}"),
    ]
    for is_wrong, what in wrong:
        if is_wrong:
            sys.stderr.write(f"wrong: {way}: {what}\n")
    return not any(is_wrong for is_wrong, _ in wrong)


if __name__ == "__main__":
    well = [is_well(way, Path(sys.argv[1]).resolve()) for way in sys.argv[2:] or WAYS]
    sys.exit(not all(well))
