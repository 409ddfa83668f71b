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
PROBLEMS = {
    "def add_three(x: int) -> int": "Write a function `add_three` that adds three to `x`.",
    "def last_word(text: str) -> str": "Write a function `last_word` that returns the last word of "
    "`text`, or an empty string where there is none.",
    "def is_even(number: int) -> bool": "Write a function `is_even` that tells whether `number` "
    "can be divided by two.",
}


def recipe_in(folder: Path, way: str, model: Path) -> Path:
    """A recipe with three problems, each solved, tested and judged, in answers of few tokens.

    A CPU writes some six tokens a second with this build of vLLM.
    """
    lines = "".join(
        json.dumps({"input": text, "signature": head}) + "\n" for head, text in PROBLEMS.items()
    )
    (folder / "problems.jsonl").write_text(lines, encoding="utf-8")
    recipe = folder / "small.yaml"
    recipe.write_text(
        f"model: {{name: '{way}:{model}', max_concurrent_requests: 16}}\n"
        "seeds:\n"
        "  - {kind: problems, path: problems.jsonl, license: CC0-1.0,"
        " fields: {signature: signature}}\n"
        "topics: []\n"
        "evolve: {colonies: 1, generations: 1, children: 1, fitness: none,"
        " sampling: {max_tokens: 96}}\n"
        "respond: {tries: 1, sampling: {max_tokens: 256}}\n"
        "testgen: {tries: 1, at_least: 1, sampling: {max_tokens: 128}}\n"
        "judge: {tries: 1, sampling: {max_tokens: 128}}\n",
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
        (answers < len(PROBLEMS), f"only {answers} answers"),
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
