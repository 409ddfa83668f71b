"""A run that is killed at any moment goes on where it was, and ends as if nothing had happened."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from random import Random

import pytest

from tests.pipeline import command, environment, hashes, run, served, write_recipe

KILLS = 10
AT_ONCE = 4  # requests in flight, as the recipe says


def test_ten_kills_change_no_byte_and_ask_again_only_what_was_in_flight(tmp_path: Path) -> None:
    with served(tmp_path, "tests.scripted:slow_answer") as (base_url, log):
        recipe = write_recipe(tmp_path, base_url)
        whole = run(tmp_path, "run", recipe, "--out", "whole")
        assert whole.returncode == 0, whole.stderr
        asked_once = len(_journaled(log))
        log.write_text("")

        random = Random(20)
        start = _seconds_to_start(tmp_path, recipe)
        folders = ["killed-0"]
        kills = 0
        while kills < KILLS:
            if _killed_after(start + 1.2 * random.random(), tmp_path, recipe, folders[-1]):
                kills += 1
            else:  # it came to its end: the kills that are left go to another run
                folders.append(f"killed-{len(folders)}")
        for folder in folders:
            final = run(tmp_path, "run", recipe, "--out", folder)
            assert final.returncode == 0, final.stderr
        asked = _journaled(log)

    for folder in folders:
        assert hashes(tmp_path / folder) == hashes(tmp_path / "whole")
    assert len(set(asked)) == asked_once
    assert len(asked) - asked_once * len(folders) <= KILLS * AT_ONCE


def _seconds_to_start(folder: Path, recipe: Path) -> float:
    began = time.monotonic()
    assert run(folder, "validate", recipe).returncode == 0
    return time.monotonic() - began


def _journaled(log: Path) -> list[str]:
    """The requests of the log that a stage asked; a trial of the endpoint is none."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [
        json.dumps(line, sort_keys=True) for line in lines if "numbers from" not in json.dumps(line)
    ]


def _killed_after(seconds: float, folder: Path, recipe: Path, out: str) -> bool:
    process = subprocess.Popen(
        command("run", recipe, "--out", out),
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


@pytest.mark.parametrize("at_once", [1, 32])
def test_concurrency_changes_no_byte(tmp_path: Path, at_once: int) -> None:
    with served(tmp_path) as (base_url, _):
        model = {"base_url": base_url, "name": "test-model"}
        recipe = write_recipe(tmp_path, base_url, model=model)
        assert run(tmp_path, "run", recipe, "--out", "usual").returncode == 0
        recipe = write_recipe(
            tmp_path, base_url, model={**model, "max_concurrent_requests": at_once}
        )
        assert run(tmp_path, "run", recipe, "--out", "other").returncode == 0
    usual, other = hashes(tmp_path / "usual"), hashes(tmp_path / "other")
    usual.pop("recipe.yaml"), other.pop("recipe.yaml")  # it says how many at once
    assert usual == other


def test_ctrl_c_says_how_to_go_on_and_the_same_command_does(tmp_path: Path) -> None:
    with served(tmp_path, "tests.scripted:slow_answer") as (base_url, _):
        recipe = write_recipe(tmp_path, base_url)
        process = subprocess.Popen(
            command("run", recipe, "--out", "run"),
            cwd=tmp_path,
            env=environment(tmp_path),
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        assert process.stderr is not None
        for line in process.stderr:
            if "evolve" in line and "…" in line:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stderr.read()
        process.stderr.close()
        assert process.wait(20) == 130
        assert "Run the same command again to continue" in rest
        assert "Traceback" not in rest
        assert run(tmp_path, "run", recipe, "--out", "run").returncode == 0
