"""A run that is watched over: budgets, signals, events, the metrics page, usage, a replay."""

import json
import signal
import subprocess
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from opencodeinstruct.tools.event_log import EventLog
from opencodeinstruct.tools.llm.budget import SPENT, Budget
from opencodeinstruct.tools.llm.meter import Meter, Spent
from opencodeinstruct.tools.llm.metrics_page import page_of
from opencodeinstruct.tools.llm.model_settings import Prices
from opencodeinstruct.tools.ports import Answer, Request, Sampling
from tests.pipeline import command, environment, run, served, write_recipe

PRICE = {"prompt": 1.0, "output": 10.0}


def events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def priced(base_url: str) -> dict[str, object]:
    return {
        "base_url": base_url,
        "name": "test-model",
        "max_concurrent_requests": 4,
        "price": PRICE,
    }


def rows(folder: Path) -> list[dict[str, Any]]:
    """The dataset's rows without what names the recipe."""
    files = sorted((folder / "dataset/data").rglob("train-*.parquet"))
    found = [row for path in files for row in pq.ParquetFile(path).read().to_pylist()]
    return [{k: v for k, v in row.items() if k != "recipe_hash"} for row in found]


def test_a_budget_ends_a_run_which_goes_on_with_a_larger_one_and_is_then_replayed_without_a_model(
    tmp_path: Path,
) -> None:
    with served(tmp_path) as (base_url, log):
        recipe = write_recipe(tmp_path, base_url, model=priced(base_url))
        spent = run(tmp_path, "run", recipe, "--out", "r", "--budget-tokens", "3000")
        assert spent.returncode == SPENT, spent.stderr
        assert "The budget is spent" in spent.stderr
        assert "--budget-tokens" in spent.stderr
        asked = len(log.read_text().splitlines())
        again = run(tmp_path, "run", recipe, "--out", "r", "--budget-tokens", "3000")
        assert again.returncode == SPENT
        assert len(log.read_text().splitlines()) == asked  # the whole run's budget, not a process's
        whole = run(tmp_path, "run", recipe, "--out", "r", "--budget-usd", "1000")
        assert whole.returncode == 0, whole.stderr

    said = [event["event"] for event in events(tmp_path / "r")]
    assert said.count("run_started") == said.count("run_ended") == 3
    assert events(tmp_path / "r")[-1]["how"] == "ended"
    assert "stage_ended" in said

    usage = pq.read_table(tmp_path / "r/usage.parquet")
    tokens = sum(usage["prompt_tokens"].to_pylist()), sum(usage["output_tokens"].to_pylist())
    usd = sum(usage["usd"].to_pylist())
    assert usd == pytest.approx((tokens[0] * 1.0 + tokens[1] * 10.0) / 1e6)
    assert set(usage["role"].to_pylist()) == {"generator", "solver", "tester", "judge"}

    told = run(tmp_path, "journal", "r", "--export", "answers.jsonl")
    assert told.returncode == 0, told.stderr
    assert f"{usage.num_rows:,}" in told.stdout
    slowest = told.stdout.partition("The slowest calls")[2]  # in 80 columns
    assert any(role in slowest for role in ("generator", "solver", "tester", "judge"))
    assert len((tmp_path / "answers.jsonl").read_text().splitlines()) == usage.num_rows

    changed = {**yaml.safe_load(recipe.read_text()), "model": "replay:answers.jsonl"}
    recipe.write_text(yaml.safe_dump(changed))
    replayed = run(tmp_path, "run", recipe, "--out", "again")
    assert replayed.returncode == 0, replayed.stderr
    assert rows(tmp_path / "again") == rows(tmp_path / "r")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "has asked no model yet"),
        (["empty"], "has asked no model yet"),
    ],
)
def test_a_folder_without_a_journal_is_said_in_one_line(
    tmp_path: Path, arguments: list[str], says: str
) -> None:
    (tmp_path / "empty").mkdir()
    found = run(tmp_path, "journal", *arguments)
    assert found.returncode == 1
    assert says in found.stderr
    assert len(found.stderr.splitlines()) == 1


def test_sigterm_ends_a_run_cleanly_and_its_counts_can_be_read_while_it_goes_on(
    tmp_path: Path,
) -> None:
    with served(tmp_path, "tests.scripted:slow_answer") as (base_url, log):
        recipe = write_recipe(tmp_path, base_url)
        process = subprocess.Popen(
            command("run", recipe, "--out", "r", "--metrics-port", "0"),
            cwd=tmp_path,
            env=environment(tmp_path),
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        assert process.stderr is not None
        page = ""
        for line in process.stderr:
            if "http://127.0.0.1" in line:
                page = line.split(": ", 1)[1].strip()
            if "evolve" in line and "…" in line:
                break
        with urllib.request.urlopen(page, timeout=20) as reply:
            text = reply.read().decode()
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
        process.stderr.close()
        assert process.wait(30) == 128 + signal.SIGTERM
        assert "opencodeinstruct_answers_total" in text
        assert "Run the same command again to continue" in rest
        assert "Traceback" not in rest
        asked = [line for line in log.read_text().splitlines() if "numbers from" not in line]
        whole = run(tmp_path, "journal", "r", "--export", "answers.jsonl")
        assert whole.returncode == 0, whole.stderr
        answers = (tmp_path / "answers.jsonl").read_text().splitlines()
        assert len(answers) == len(set(asked))  # what was under way came to its end
    assert events(tmp_path / "r")[-1]["how"] == "Stopped"


def counted(clock: list[float]) -> Meter:
    meter = Meter(prices={"solver": Prices(prompt=2, output=4)}, clock=lambda: clock[0])
    request = Request("solver", (), Sampling(), seed=1)
    for second in range(60):
        clock[0] = float(second)
        meter.answered(request, Answer("x", "m", "stop", 100, 10, cached_tokens=50), free=False)
    meter.answered(request, Answer("x", "m", "stop", 100, 10), free=True)
    meter.failed("busy")
    return meter


def test_a_meter_counts_what_was_paid_and_how_fast_it_came_lately() -> None:
    clock = [0.0]
    meter = counted(clock)
    assert replace(meter.paid, usd=0.0) == Spent(60, 6000, 3000, 600)
    assert meter.paid.usd == pytest.approx(60 * 240 / 1e6)
    assert meter.rates().answers == pytest.approx(1.0, abs=0.1)
    assert meter.rates().output_tokens == pytest.approx(10.0, abs=1.0)
    assert meter.cache_hit_rate() == 0.5
    clock[0] = 1000.0
    assert meter.rates().answers == 0.0
    page = page_of(meter)
    assert "opencodeinstruct_answers_total 60\n" in page
    assert 'opencodeinstruct_failures_total{kind="busy"} 1\n' in page


@pytest.mark.parametrize(
    ("budget", "seconds", "spent"),
    [
        (Budget(), 1e9, None),
        (Budget(tokens=7601), 0, None),
        (Budget(tokens=7600), 0, "7,600 of 7,600 tokens"),  # a thousand were spent before
        (Budget(usd=0.02), 0, None),
        (Budget(usd=0.0144), 0, "$0.01"),
        (Budget(hours=0.5), 1799, None),
        (Budget(hours=0.5), 1800, "0.5 hours"),
    ],
)
def test_a_budget_is_spent_when_its_first_bound_is_reached(
    budget: Budget, seconds: float, spent: str | None
) -> None:
    meter = counted([0.0])
    meter.before = Spent(prompt_tokens=900, output_tokens=100)
    found = budget.spent(meter, seconds)
    assert (found is None) == (spent is None)
    if found is not None and spent is not None:
        assert spent in str(found)
        assert found.code == SPENT


def test_a_line_that_a_kill_cut_short_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"event": "whole"}\n{"event": "cu')
    with EventLog(path) as log:
        log.write("next", {"odd": "\udcff"})
    lines = path.read_bytes().splitlines()
    assert json.loads(lines[2])["event"] == "next"
