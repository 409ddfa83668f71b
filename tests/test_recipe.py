"""A recipe that cannot be run as written is refused: which key, what is wrong, what was meant."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.tools.recipe import Recipe, dump, load_recipe, recipe_of

SEEDS = "seeds: [{kind: problems, path: problems.jsonl}]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "problems.jsonl").write_text('{"input": "x"}\n')
    (tmp_path / "tests.jsonl").write_text('{"prompt": "x"}\n')
    return tmp_path


def said_of(folder: Path, content: str | bytes) -> str:
    """What is said of a recipe with `content`, after its path."""
    path = folder / "recipe.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ProjectError) as caught:
        load_recipe(path)
    said = str(caught.value)
    assert "\n" not in said and said.startswith(str(path)) and said.rstrip()[-1] in ".?)"
    return said.removeprefix(str(path))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("evolv: {}", "evolv: there is no such key. Did you mean `evolve`?"),
        ("evolve: {childern: 3}", "evolve.childern: there is no such key. Did you mean `children`"),
        ("childern: 3", "Did you mean `evolve.children`?"),  # a key of another place
        ("Seed: 3", "Did you mean `seed`?"),
        ("judge: {sampling: {max_token: 1}}", "judge.sampling.max_token: there is no such key."),
        ("judge: {sampling: {temprature: 1}}", "Did you mean `temperature`?"),
        ("dedup: {treshold: 0.5}", "Did you mean `threshold`?"),
        ("wholly_new: 2", "There are benchmarks, build, clean"),
        ("model: {base_url: 'http://h/v1', name: m, api_key: x}", "Did you mean `api_key_env`?"),
        ("benchmarks: [{name: x, path: tests.jsonl, feilds: {}}]", "benchmarks.0.feilds: there"),
        ("execute: {cpu_second: 1}\nfoo: 1", "(1 more)"),  # the first, and how many others
    ],
)
def test_a_mistyped_key_is_named_with_what_was_probably_meant(
    folder: Path, content: str, says: str
) -> None:
    assert says in said_of(folder, SEEDS + content)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("evolve: {children: -1}", "evolve.children: -1: must be greater than or equal to 1."),
        ("evolve: {crossover_probability: 1.5}", "1.5: must be less than or equal to 1."),
        ("evolve: {crossover_probability: .nan}", "evolve.crossover_probability: nan is no number"),
        ("evolve: {mutation_weights: {add-constraint: .inf}}", "inf is no number."),
        ("seed: 99999999999", "seed: 99999999999: must be less than 2147483648."),
        ("rows_per_part: 0", "rows_per_part: 0: must be greater"),
        ("execute: {cpu_seconds: -1}", "execute.cpu_seconds: -1"),
        ("execute: {packages: [numpy==2]}", "execute.packages: 'numpy==2' is no name of a package"),
        ("execute: {packages: numpy}", "execute.packages: 'numpy': must be a list."),
        ("instruct: {tries: 99}", "instruct.tries: 99"),
        ("testgen: {count: 2}", "testgen.at_least (3) is more than testgen.count (2)"),
        ("evolve: {children: many}", "evolve.children: 'many': must be a whole number."),
        ("evolve: {children: 1.5}", "1.5: must be a whole number."),
        ("evolve: {children: [1]}", "evolve.children: must be a whole number."),
        ("evolve: {children: yes}", "evolve.children: true is no number."),  # pydantic's 1
        ("testgen: {sees_solution: perhaps}", "'perhaps': must be true or false."),
        ("evolve: {children: }", "evolve.children: has no value: it must be a whole number."),
        ("evolve: 3", "evolve: 3: must be a mapping of keys to values."),
        ("evolve: [1]", "evolve: must be a mapping"),
        ("benchmarks: humaneval", "benchmarks: 'humaneval': must be a list."),
        ("benchmarks: [3]", "benchmarks.0: must be a name, or a mapping"),
        ("benchmarks: [{name: x}]", "benchmarks.0.path: is missing."),
        ("name: a/b", "name: 'a/b': must be letters"),
        ("name: 2024", "name: 2024: must be text."),
        ("build: {license: ''}", "build.license: '': must have at least 1 character."),
        ("evolve: {mutation_weights: {add-constrain: 1}}", "'add-constrain' is no mutation; there"),
        ("evolve: {mutation_weights: {add-constraint: -1}}", "weights must not be negative"),
        ("evolve: {mutation_weights: {}}", "one must be positive"),
        (
            "evolve: {mutation_weights: {add-constraint: x}}",
            "add-constraint: 'x': must be a number",
        ),
        ("clean: {skip: [nothing]}", "no rule is called 'nothing'"),
        ("dedup: {column: nope}", "dedup.column: no column of text is called 'nope'"),
        ("dedup: {column: generation}", "dedup.column: no column of text"),  # it holds numbers
        ("decontaminate: {columns: [nope]}", "decontaminate.columns: no column of text"),
        ("models: {solverr: embedded}", "models.solverr: must be 'generator', 'solver'"),
        ("models: [embedded]", "models: must be a mapping"),
        ("prompts: nope", "prompts: nope is not a folder"),
        ("prompts: problems.jsonl", "is not a folder"),
        ("benchmarks: [humanevl]", "benchmarks.0: no benchmark is called 'humanevl'"),
        ("benchmarks: [{name: x, path: nope.jsonl}]", "benchmarks.0: nope.jsonl: no such file"),
        ("benchmarks: [{name: x, path: .}]", "benchmarks.0: "),  # a folder
        ("benchmarks: [{name: x, path: problems.jsonl}]", "no field 'prompt' or 'text' or"),
        ("benchmarks: [humaneval, HumanEval]", "benchmarks.1: 'humaneval' stands there twice"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_with_its_key(
    folder: Path, content: str, says: str
) -> None:
    assert says in said_of(folder, SEEDS + content)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("name: x", "seeds: is missing."),
        ("seeds:", "seeds: is missing."),
        ("seeds: []", "seeds: must have at least one entry."),
        ("seeds: x", "seeds: 'x': must be a list."),
        ("seeds: {kind: code, path: .}", "seeds: must be a list."),
        ("seeds: [x]", "seeds.0: 'x': must be a mapping"),
        ("seeds: [{path: problems.jsonl}]", "seeds.0: `kind` is missing"),
        ("seeds: [{kind: problem, path: x}]", "'problem' is not one of code, hub-code, problems"),
        ("seeds: [{kind: problem, path: x}]", "Did you mean `problems`?"),
        ("seeds: [{kind: code}]", "seeds.0.path: is missing."),
        ("seeds: [{kind: code, path: ''}]", "seeds.0.path: '': must have"),
        ("seeds: [{kind: code, path: }]", "seeds.0.path: has no value"),
        ("seeds: [{kind: code, path: nowhere}]", "seeds.0.path: nowhere is not there."),
        ("seeds: [{kind: taco, path: /nowhere}]", "seeds.0.path: /nowhere is not there."),
        ("seeds: [{kind: problems, path: problems.jsonl, limt: 3}]", "Did you mean `limit`?"),
        ("seeds: [{kind: problems, path: problems.jsonl, limit: 0}]", "seeds.0.limit: 0"),
        (
            "seeds: [{kind: code, path: ., license: do what}]",
            "seeds.0.license: 'do what' is no SPDX",
        ),
        (SEEDS[:-2] + ", {kind: code, path: nowhere}]", "seeds.1.path"),  # counted from 0
    ],
)
def test_seeds_that_cannot_be_read_are_refused(folder: Path, content: str, says: str) -> None:
    assert says in said_of(folder, content)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("gpt-4", "model: a model is `embedded`"),
        ("''", "model: a model is `embedded`"),
        ("3", "model: must be a mapping"),
        ("[a]", "model: a model is `embedded`"),
        ("{}", "model.name: is missing."),
        ("embedded:7b", "embedded models are 0.5b and 1.5b"),
        ("http://", "the model's name is missing"),
        ("http://h:99999/v1#x", "model.base_url"),
        ("{base_url: 'http://h/v1'}", "model.name: is missing."),
        ("{base_url: 'http://h/v1', name: m, attempts: 0}", "model.attempts: must be greater"),
    ],
)
def test_absurd_models_are_refused(folder: Path, value: str, says: str) -> None:
    assert says in said_of(folder, f"{SEEDS}model: {value}")


@pytest.mark.parametrize(
    "value",
    [
        "sk-SECRET",
        "http://user:SECRET@host/v1#m",
        "{base_url: 'http://h/v1', name: m, api_key_env: sk-SECRET}",
        "{base_url: 'http://h/v1', name: m, api_key: sk-SECRET}",
        "{base_url: 'http://h/v1?key=SECRET', name: m}",
    ],
)
def test_a_secret_in_the_wrong_place_is_not_repeated(folder: Path, value: str) -> None:
    assert "SECRET" not in said_of(folder, f"{SEEDS}model: {value}")
    assert "SECRET" not in said_of(folder, f"{SEEDS}models: {{judge: {value}}}")


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", ": is not a mapping of keys to settings."),
        ("# nothing but a comment\n", ": is not a mapping"),
        ("{}", ": is not a mapping"),
        ("- a\n", ": is not a mapping"),
        ("just words", ": is not a mapping"),
        ("a: [", ":1: is not valid YAML"),
        ("name: x\n\tseed: 1\n", ":2: is not valid YAML: found character '\\t'"),
        ("name: x\nname: y\n", ":2: is not valid YAML: the key 'name' stands twice."),
        ("evolve: {children: 1, children: 2}", ":1: is not valid YAML: the key 'children' stands"),
        ("1: 2\n", ":1: is not valid YAML: the key '1' is not text."),
        ("evolve: {on: 2}\n", "the key 'on' is not text."),  # YAML's true
        ("? [a, b]\n: 3\n", ":1: is not valid YAML: the key here is not text."),
        ("name: 2024-13-45\n", ":1: is not valid YAML: a value that cannot be read"),
        (f"seed: {'9' * 5000}\n", ":1: is not valid YAML: a value that cannot be read"),
        ("name: !!python/object/apply:os.system [x]\n", ":1: is not valid YAML"),
        ("name: *nobody\n", ":1: is not valid YAML: found undefined alias"),
        ("a: &a [*a]\n", "its aliases stand for too much"),  # it holds itself
        ("a: &a {b: *a}\n", "its aliases stand for too much"),
        (BOMB, "its aliases stand for too much"),  # 9 ** 9 values in 400 bytes
        (f"a: {'[' * 3000}{']' * 3000}\n", "is nested too deeply."),
        (f"a: {'[' * 60}{']' * 60}\n", "it is nested too deeply."),
        (b"\xff\xfen\x00a\x00", "is not text in UTF-8"),
        (b"name: caf\xe9\n", "is not text in UTF-8 (invalid continuation byte at byte 9)."),
        (b"name: \x00\n", "is not valid YAML: unacceptable character #x0000"),
        (b"PAR1" + bytes(range(256)), "is not text in UTF-8"),
        (b"#" * (2**20 + 1), "is larger than 1 MiB"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(folder: Path, content: str | bytes, says: str) -> None:
    assert says in said_of(folder, content)


@pytest.mark.parametrize(
    ("place", "says"),
    [
        (lambda folder: folder, "cannot be read (Is a directory)."),
        (lambda folder: folder / "no.yaml", "there is no such file."),
        (lambda folder: folder / "problems.jsonl" / "x", "cannot be read (Not a directory)."),
        (lambda folder: Path("x" * 5000), "cannot be read (File name too long)."),
        (lambda folder: Path("a\0b"), "cannot be read (embedded null byte)."),
        (lambda folder: Path("/dev/zero"), "is larger than 1 MiB"),  # it never ends
    ],
)
def test_a_path_that_is_no_file_is_refused(
    folder: Path, place: Callable[[Path], Path], says: str
) -> None:
    with pytest.raises(ProjectError) as caught:
        load_recipe(place(folder))
    assert says in str(caught.value)


@pytest.mark.parametrize("key", ["evolve", "model", "benchmarks", "prompts", "name", "seed"])
def test_an_empty_section_means_its_defaults(folder: Path, key: str) -> None:
    path = folder / "recipe.yaml"
    path.write_text(f"{SEEDS}{key}:\n")
    empty = load_recipe(path)
    path.write_text(SEEDS)
    assert empty == load_recipe(path)


def test_relative_paths_start_at_the_recipes_folder_and_a_byte_order_mark_is_no_matter(
    folder: Path,
) -> None:
    path = folder / "recipe.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SEEDS.encode())
    recipe = load_recipe(path)
    assert getattr(recipe.seeds[0], "path", None) == str(folder / "problems.jsonl")
    assert recipe.name == "recipe"


def test_a_recipe_written_down_in_full_is_the_same_recipe(folder: Path) -> None:
    path = folder / "recipe.yaml"
    path.write_text(SEEDS + "models: {judge: 'http://h/v1#m'}\nevolve: {children: 3}\n")
    recipe = load_recipe(path)
    path.write_text(yaml.safe_dump(dump(recipe)))
    assert load_recipe(path) == recipe


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(sorted(Recipe.model_fields)) | st.text(max_size=6), inner)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(Recipe.model_fields)), VALUES, max_size=3))
@example({"build": {"\n": None}})
def test_whatever_stands_in_a_recipe_it_is_one_line_or_a_recipe(changes: dict[str, object]) -> None:
    given = {"seeds": [{"kind": "code", "path": "stdlib"}], "benchmarks": [], **changes}
    try:
        recipe_of(given, Path("recipe.yaml"))
    except ProjectError as error:
        assert "\n" not in str(error).strip()
