"""Stages one by one: each is made anew alone, and a folder belongs to the recipe that made it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from opencodeinstruct.tools.plan import STAGES
from tests.calling import call, flat, kept, quick_recipe, run_folder

NOWHERE = "http://127.0.0.1:9/v1"


def test_status_tells_what_comes_next_and_makes_nothing(done: Path, tmp_path: Path) -> None:
    recipe = done / "recipe.yaml"
    before = call("status", recipe, "--out", tmp_path / "new")
    assert before.out == f"{tmp_path / 'new'}: next: seeds\n"
    assert not (tmp_path / "new").exists()
    assert call("status", recipe, "--out", done / "run").out.endswith("run: complete\n")


def test_status_of_a_part_of_a_run_names_the_next_stage(done: Path, copy: Path) -> None:
    run_folder(copy).remove_from("respond")
    ended = call("status", done / "recipe.yaml", "--out", copy)
    assert ended.out.endswith(f"{copy}: next: respond\n")
    assert "│ decontaminate" in ended.out


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_alone_is_made_anew_and_says_what_became_stale(
    done: Path, copy: Path, stage: str
) -> None:
    recipe = done / "recipe.yaml"
    before = kept(copy, stage)
    ended = call(stage, recipe, "--out", copy)
    later = STAGES[STAGES.index(stage) + 1 :]
    assert ended.code == 0
    assert kept(copy, stage) == before
    assert (f"out of date and was removed: {', '.join(later)}." in flat(ended.err)) == bool(later)
    assert "The dataset is out of date" in ended.err
    next_one = later[0] if later else "build"
    assert call("status", recipe, "--out", copy).out.endswith(f"{copy}: next: {next_one}\n")
    assert f"│ {stage}" in ended.out  # its counts are the result


@pytest.mark.parametrize("stage", ["instruct", "judge", "build"])
def test_a_stage_without_the_one_before_it_says_which_is_missing(
    done: Path, tmp_path: Path, stage: str
) -> None:
    ended = call(stage, done / "recipe.yaml", "--out", tmp_path / "new")
    assert ended.code == 1
    assert f"`{stage}` needs the stage `seeds`, which is not complete" in ended.error


def test_build_alone_replaces_the_dataset_and_prints_how_to_load_it(done: Path, copy: Path) -> None:
    shutil.rmtree(copy / "dataset")
    ended = call("build", done / "recipe.yaml", "--out", copy)
    assert ended.code == 0
    assert f'    rows = load_dataset("{copy / "dataset"}", "default", split="train")' in ended.out
    assert (copy / "dataset" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seed": 5}, "seed was 0 and is now 5"),
        ({"rows_per_part": 3}, "rows_per_part was 4 and is now 3"),
        ({"dedup": {"threshold": 0.5}}, "dedup.threshold was 0.7 and is now 0.5"),
        ({"benchmarks": ["humaneval"]}, "benchmarks.0 was not set and is now 'humaneval'"),
        ({"judge": {"tries": 1}}, "judge.tries was 2 and is now 1"),
        ({"model": f"{NOWHERE}#other"}, "model was 'test-model' and is now 'other'"),
    ],
)
def test_a_folder_of_another_recipe_is_refused_with_the_key_that_changed(
    done: Path, copy: Path, tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    recipe = quick_recipe(tmp_path, NOWHERE, **change)
    before = sorted(copy.rglob("*"))
    ended = call("run", recipe, "--out", copy)
    assert ended.code == 1
    assert f"made by another recipe: {says}." in ended.error
    assert "--out" in ended.error and "--redo" in ended.error
    assert sorted(copy.rglob("*")) == before


def test_changed_seeds_are_a_change_of_the_recipe(done: Path, copy: Path, tmp_path: Path) -> None:
    recipe = quick_recipe(tmp_path, NOWHERE, problems=2)
    assert "seeds.0.path.sha256 was" in call("run", recipe, "--out", copy).error


def test_where_a_model_is_served_and_where_seeds_lie_changes_nothing(
    done: Path, copy: Path, tmp_path: Path
) -> None:
    recipe = quick_recipe(tmp_path, NOWHERE)  # a finished run asks nobody
    assert call("judge", recipe, "--out", copy).code == 0


def test_redo_makes_anew_from_the_changed_stage_on(done: Path, copy: Path, tmp_path: Path) -> None:
    recipe = quick_recipe(tmp_path, NOWHERE, judge={"tries": 1}, evolve={"generations": 0})
    ended = call("respond", recipe, "--out", copy, "--redo")
    assert ended.code == 0
    assert "The recipe changed; made anew: judge." in ended.err
    assert run_folder(copy).stage("clean").is_complete()


def test_a_stage_made_anew_may_have_new_settings(done: Path, copy: Path, tmp_path: Path) -> None:
    recipe = quick_recipe(tmp_path, NOWHERE, judge={"tries": 1})
    assert call("judge", recipe, "--out", copy).code == 0
    earlier = quick_recipe(tmp_path, NOWHERE, judge={"tries": 1}, clean={"min_words": 6})
    assert "clean.min_words was 5" in call("judge", earlier, "--out", copy).error


def test_limit_takes_so_many_seeds_of_each_source_and_is_a_setting(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text(
        "".join(f'def f{n}(x):\n    """Do {n}."""\n    return x + {n}\n\n' for n in range(4))
    )
    recipe = quick_recipe(tmp_path, NOWHERE)
    given = yaml.safe_load(recipe.read_text())
    given["seeds"][0]["limit"] = 3  # the option wins
    given["seeds"].append({"kind": "code", "path": "code.py"})
    recipe.write_text(yaml.safe_dump(given))
    out = tmp_path / "run"
    assert call("seeds", recipe, "--out", out, "--limit", "2").code == 0
    assert [row["domain"] for row in kept(out, "seeds")] == ["algorithmic"] * 2 + ["generic"] * 2
    ended = call("instruct", recipe, "--out", out)
    assert "seeds.0.limit was 2 and is now 3" in ended.error
    assert "limit: 2" in (out / "recipe.yaml").read_text()


def test_a_run_tells_what_its_rows_share_with_benchmarks_and_its_card_quotes_it(
    done: Path, copy: Path
) -> None:
    recipe = copy.parent / "kept-out.yaml"
    given = yaml.safe_load((done / "recipe.yaml").read_text(encoding="utf-8"))
    seeds = [{**seed, "path": str(done / seed["path"])} for seed in given["seeds"]]
    changed = {**given, "seeds": seeds, "benchmarks": ["humaneval"]}
    recipe.write_text(yaml.safe_dump(changed), encoding="utf-8")
    assert call("run", recipe, "--out", copy, "--redo").code == 0
    report = json.loads((copy / "contamination.json").read_text(encoding="utf-8"))
    (found,) = report["benchmarks"]
    assert (found["benchmark"], found["items"], found["rows"]) == ("humaneval", 164, 0)
    assert report["rows"] == len(kept(copy, "recheck"))
    assert found["recall_on_planted_copies"]["embedded in other text"]["recall"] > 0.9
    assert "</svg>" in (copy / "contamination.html").read_text(encoding="utf-8") or not any(
        map(sum, found["scores"]["rows"].values())
    )
    card = (copy / "dataset/README.md").read_text(encoding="utf-8")
    assert "| humaneval | embedded in other text | " in card
