"""Whole runs against a scripted endpoint: exactly as many rows as wanted, nothing asked in vain."""

import json
from collections import Counter
from pathlib import Path

import pyarrow.dataset as ds
import yaml

from tests.calling import QUICK, adds_up, call, stage_of
from tests.endpoint import Body, Endpoint
from tests.pipeline import write_recipe
from tests.scripted import answer


def settled(recipe: Path, base_url: str, **changes: object) -> Path:
    """The `recipe` with a model that is given up quickly, and `changes`."""
    content = yaml.safe_load(recipe.read_text())
    model = {**QUICK, "base_url": base_url}
    recipe.write_text(yaml.safe_dump({**content, "model": model, **changes}))
    return recipe


def rows_of(dataset: Path) -> list[str]:
    """The ids in a dataset folder."""
    files = [str(path) for path in sorted(dataset.glob("data/domain=*/**/*.parquet"))]
    names: list[str] = ds.dataset(files).to_table(columns=["id"])["id"].to_pylist()
    return names


def asked(endpoint: Endpoint) -> Counter[str]:
    """Requests by stage since the last look, those of a trial left out."""
    found = Counter(map(stage_of, endpoint.requests))
    endpoint.requests.clear()
    del found["trial"]
    return found


def test_a_run_has_exactly_as_many_rows_as_wanted_whatever_is_lost_on_the_way(
    tmp_path: Path,
) -> None:
    """The script answers badly now and then, so every stage loses some."""
    with Endpoint(answer) as endpoint:
        recipe = settled(write_recipe(tmp_path, endpoint.base_url), endpoint.base_url)
        run = tmp_path / "run"
        for wanted in (26, 33):  # the second time more are wanted of the same folder
            settled(recipe, endpoint.base_url, num_records=wanted)
            ended = call("run", recipe, "--out", run, *(["--redo"] if wanted == 33 else []))
            assert ended.code == 0, ended.err
            assert "evolution goes on to generation" in ended.err
            names = rows_of(run / "dataset")
            assert len(names) == len(set(names)) == wanted
            adds_up(run)
        bodies = [json.dumps(body, sort_keys=True) for body in endpoint.requests]
        bodies = [body for body in bodies if "numbers from" not in body]
    assert len(bodies) == len(set(bodies))  # further rounds pay for their new questions only


def test_other_sampling_of_a_stage_asks_that_stage_anew_and_no_other(tmp_path: Path) -> None:
    def steady(body: Body) -> str:
        """The same text at any temperature, so that nothing after the stage changes."""
        return answer({name: value for name, value in body.items() if name != "temperature"})

    with Endpoint(steady) as endpoint:
        recipe = settled(write_recipe(tmp_path, endpoint.base_url), endpoint.base_url)
        assert call("run", recipe, "--out", tmp_path / "run").code == 0
        first = asked(endpoint)
        settled(recipe, endpoint.base_url, judge={"sampling": {"temperature": 0.33}})
        assert call("run", recipe, "--out", tmp_path / "run", "--redo").code == 0
        again = asked(endpoint)
        assert set(again) == {"judge"}
        assert again["judge"] == first["judge"]
        settled(recipe, endpoint.base_url, testgen={"sampling": {"temperature": 0.33}})
        assert call("run", recipe, "--out", tmp_path / "run", "--redo").code == 0
        assert set(asked(endpoint)) == {"testgen"}
