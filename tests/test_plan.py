"""What decides a stage, and which stages a change of the recipe concerns."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from opencodeinstruct.tools.llm.model_settings import ModelSettings
from opencodeinstruct.tools.llm.servers import served_name
from opencodeinstruct.tools.plan import STAGES, decided_by, fingerprints, identity
from opencodeinstruct.tools.prompt import load_prompts
from opencodeinstruct.tools.recipe import Recipe

GIVEN: dict[str, Any] = {"name": "x", "seeds": [{"kind": "code", "path": "stdlib"}]}


UNWEIGHED = {"evolve": {"fitness": "none"}}  # nobody solves newborn questions


def prints(**changes: object) -> dict[str, str]:
    return fingerprints(Recipe.model_validate({**GIVEN, **changes}), load_prompts())


@pytest.mark.parametrize(
    ("change", "first"),
    [
        ({"seed": 1}, "seeds"),
        ({"rows_per_part": 7}, "seeds"),
        ({"seeds": [{"kind": "code", "path": "stdlib", "limit": 3}]}, "seeds"),
        ({"instruct": {"tries": 1}}, "instruct"),
        ({"model": "http://h/v1#other"}, "instruct"),
        ({"models": {"generator": "http://h/v1#other"}}, "instruct"),
        ({"evolve": {"children": 1}}, "evolve"),
        ({"clean": {"min_words": 6}}, "evolve"),  # what is faulty is not born,
        ({"dedup": {"threshold": 0.9}}, "dedup"),
        ({"topics": ["a", "b"]}, "instruct"),
        ({"benchmarks": []}, "evolve"),
        ({"decontaminate": {"ngram_words": 9}}, "evolve"),
        ({"models": {"solver": "http://h/v1#other"}}, "evolve"),  # nor what it cannot solve,
        ({"testgen": {"count": 5}}, "testgen"),
        ({"models": {"tester": "http://h/v1#other"}}, "testgen"),
        ({"execute": {"cpu_seconds": 1}}, "execute"),
        ({"execute": {"packages": ["numpy"]}}, "execute"),
        ({"models": {"judge": "http://h/v1#other"}}, "evolve"),
        ({"judge": {"sampling": {"max_tokens": 9}}}, "evolve"),
    ],
)
def test_a_change_concerns_its_stage_and_those_after_it(
    change: dict[str, object], first: str
) -> None:
    before, after = prints(), prints(**change)
    changed = [stage for stage in STAGES if before[stage] != after[stage]]
    assert changed == list(STAGES[STAGES.index(first) :])


@pytest.mark.parametrize(
    ("fitness", "change", "first"),
    [
        ("none", {"models": {"solver": "http://h/v1#other"}}, "respond"),
        ("none", {"respond": {"tries": 1}}, "respond"),
        ("none", {"judge": {"tries": 1}}, "judge"),
        ("parse", {"respond": {"tries": 1}}, "evolve"),
        ("parse", {"judge": {"tries": 1}}, "judge"),
        ("judge", {"judge": {"tries": 1}}, "evolve"),
        ("judge", {"testgen": {"count": 9}}, "testgen"),
        ("tests", {"testgen": {"count": 9}}, "evolve"),
        ("tests", {"execute": {"cpu_seconds": 3}}, "evolve"),
        ("tests", {"judge": {"tries": 1}}, "evolve"),
    ],
)
def test_solver_and_judge_concern_evolution_where_they_decide_who_lives(
    fitness: str, change: dict[str, object], first: str
) -> None:
    before = prints(evolve={"fitness": fitness})
    after = prints(evolve={"fitness": fitness}, **change)
    assert next(stage for stage in STAGES if before[stage] != after[stage]) == first


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"build": {"license": "mit"}},
        {"model": {"name": "embedded", "max_concurrent_requests": 1, "attempts": 3}},
        {"models": {"judge": "embedded"}},  # the same model, said twice
    ],
)
def test_what_changes_no_row_changes_no_fingerprint(change: dict[str, object]) -> None:
    assert prints(**change) == prints()


def test_a_model_is_the_same_wherever_it_is_served() -> None:
    names = {
        identity(ModelSettings.model_validate(value))
        for value in ("http://a/v1#m", "https://b:8000/v1#m", {"base_url": "http://c", "name": "m"})
    }
    assert names == {"m"}
    assert identity(ModelSettings.model_validate("/a/w.gguf")) == "w.gguf"


@pytest.mark.parametrize("value", ["vllm:/a/b/Tiny", "vllm-offline:/c/Tiny/", "vllm:./Tiny"])
def test_a_folder_for_vllm_counts_by_its_own_name_wherever_it_lies_and_however_it_is_run(
    value: str,
) -> None:
    assert identity(ModelSettings.model_validate(value)) == "vllm:Tiny"
    assert served_name(ModelSettings.model_validate(value)) == "Tiny"


def test_a_file_counts_by_its_content_and_not_by_its_place(tmp_path: Path) -> None:
    found = []
    for name, text in (("a", "one"), ("b", "one"), ("c", "two")):
        (tmp_path / name).mkdir()
        path = tmp_path / name / "p.jsonl"
        path.write_text(text)
        found.append(
            prints(
                seeds=[{"kind": "problems", "path": str(path)}],
                benchmarks=[{"name": "b", "path": str(path)}],
            )
        )
    assert found[0] == found[1]
    assert found[0]["seeds"] != found[2]["seeds"]


def test_a_changed_prompt_concerns_the_stages_that_use_it(tmp_path: Path) -> None:
    (tmp_path / "judge.jinja").write_text("#[user]\n{{ question }} {{ solution }}\n")
    recipe = Recipe.model_validate({**GIVEN, **UNWEIGHED})
    before, after = prints(**UNWEIGHED), fingerprints(recipe, load_prompts(tmp_path))
    assert [stage for stage in STAGES if before[stage] != after[stage]] == ["judge"]


def test_comparing_by_meaning_concerns_the_stage_that_does_it(tmp_path: Path) -> None:
    def compared(**changes: object) -> dict[str, Any]:
        return {**UNWEIGHED, "decontaminate": {"semantic": {"model": "m", **changes}}}

    (tmp_path / "same_task.jinja").write_text("#[user]\n{{ question }} {{ known }}\n")
    recipe = Recipe.model_validate({**GIVEN, **compared()})
    before = prints(**compared())
    for after in (
        prints(**UNWEIGHED),
        prints(**compared(model="other")),
        prints(**compared(threshold=0.5)),
        prints(**compared(), models={"judge": "http://h/v1#other"}),
        fingerprints(recipe, load_prompts(tmp_path)),
    ):
        changed = [stage for stage in STAGES if before[stage] != after[stage]]
        assert changed == list(STAGES[STAGES.index("decontaminate") :])


def test_every_setting_that_decides_a_stage_is_named_by_its_key() -> None:
    decided = decided_by(Recipe.model_validate(GIVEN), load_prompts(), "recheck")
    assert set(decided) == {"decontaminate", "benchmarks"}
    recipe = Recipe.model_validate({**GIVEN, "execute": {"packages": ["NumPy"]}})
    decided = decided_by(recipe, load_prompts(), "execute")
    assert decided["packages"] == {"numpy": version("numpy")}  # so another version is noticed
    decided = decided_by(Recipe.model_validate(GIVEN), load_prompts(), "judge")
    assert set(decided) == {"judge", "model", "prompts"}
