"""The dataset card: exact counts, pictures, and text that nothing can break."""

import json
from collections import Counter
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import datasets
import matplotlib.image
import numpy as np
import pytest
import yaml
from huggingface_hub import DatasetCard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from opencodeinstruct.builder.schema import COLUMNS, dataset_schema, table_of
from opencodeinstruct.builder.shards import write_empty, write_shards
from opencodeinstruct.builder.subsets import SUBSETS, bucket_of
from opencodeinstruct.dataset_card.card import card, code_cell, columns_table, escaped, fenced
from opencodeinstruct.dataset_card.facts import BuildFacts, Step
from opencodeinstruct.dataset_card.metadata import features, one_line, size_category
from opencodeinstruct.dataset_card.plots import draw
from opencodeinstruct.dataset_card.stats import Stats, measure
from tests.rows import finished_rows

ROWS = finished_rows(400)
FACTS = BuildFacts(
    pretty_name="My instructions",
    models={"solver": "Qwen2.5-Coder-32B-Instruct"},
    prompt_version="0123456789ab",
    recipe_hash="ba9876543210",
    recipe="name: my\nseeds:\n  - seeds.jsonl\n",
    packages={"pandas": "3.1.1", "numpy": "2.4.6"},
    benchmarks={"humaneval": 164, "mbpp": 974},
    funnel=(
        Step("clean", 500, 0, 490, {"too_short": 10}),
        Step("decontaminate", 490, 0, 400, {"shared_ngrams": 80, "same_function": 10}),
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shards of `ROWS`."""
    place = tmp_path_factory.mktemp("card")
    write_shards([table_of(ROWS, dataset_schema())], place, rows_per_file=20)
    write_empty(place)
    return place


@pytest.fixture(scope="module")
def stats(folder: Path) -> Stats:
    """The counts of `ROWS`."""
    return measure(folder)


def headings(text: str) -> list[str]:
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return [
        tokens[place + 1].content
        for place, token in enumerate(tokens)
        if token.type == "heading_open"
    ]


def declared(text: str) -> dict[str, Any]:
    return dict(vars(DatasetCard(text).data))


def body(text: str) -> str:
    return text.split("\n---\n", maxsplit=1)[1]


def test_counts_are_those_of_a_plain_loop_over_the_rows(stats: Stats) -> None:
    assert stats.rows == len(ROWS)
    for subset in SUBSETS:
        assert stats.subsets[subset.name] == sum(subset.holds(row) for row in ROWS)
    assert stats.domains() == Counter(row["domain"] for row in ROWS)
    assert stats.judge_by_bucket() == Counter(
        (row["judge_score"], bucket_of(row["tests_passed"], row["tests_total"])) for row in ROWS
    )
    for name, values in stats.values.items():
        assert values == Counter(row[name] for row in ROWS), name
    for name in ("input", "output", "solution"):
        assert stats.lengths[name].rows == Counter(len(row[name]) for row in ROWS)
    assert stats.faults == Counter(fault for row in ROWS for fault in row["test_faults"])
    assert stats.closest["humaneval"].rows == sum(bool(row["contamination"]) for row in ROWS)


@pytest.mark.parametrize("share", [0.5, 0.99, 1.0])
def test_quantiles_are_those_of_numpy(stats: Stats, share: float) -> None:
    lengths = [len(row["input"]) for row in ROWS]
    expected = np.quantile(lengths, share, method="inverted_cdf")
    assert stats.lengths["input"].quantile(share) == expected
    assert stats.lengths["input"].mean == pytest.approx(np.mean(lengths))


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        (1, "n<1K"),
        (999, "n<1K"),
        (1_000, "1K<n<10K"),
        (99_999, "10K<n<100K"),
        (5_000_000, "1M<n<10M"),
        (10**12, "n>1T"),
    ],
)
def test_size_classes_are_those_of_the_hub(rows: int, name: str) -> None:
    assert size_category(rows) == name


def test_features_are_written_as_datasets_writes_them() -> None:
    theirs = datasets.Features.from_arrow_schema(dataset_schema())
    info = datasets.DatasetInfo(features=theirs)
    assert features(dataset_schema()) == info._to_yaml_dict()["features"]


def test_the_yaml_names_configs_sizes_and_licence(folder: Path, stats: Stats) -> None:
    text = card(folder, stats, FACTS, [], license="cc-by-4.0")
    data = declared(text)
    assert data["license"] == "cc-by-4.0"
    assert data["language"] == ["en", "code"]
    assert data["pretty_name"] == "My instructions"
    assert data["size_categories"] == ["n<1K"]
    configs = {config["config_name"]: config for config in data["configs"]}
    assert list(configs) == [subset.name for subset in SUBSETS]
    assert [name for name, config in configs.items() if config.get("default")] == ["default"]
    infos = {info["config_name"]: info for info in data["dataset_info"]}
    for name, rows in stats.subsets.items():
        (split,) = infos[name]["splits"]
        assert (split["name"], split["num_examples"]) == ("train", rows)
        files = {
            path
            for pattern in configs[name]["data_files"][0]["path"]
            for path in folder.glob(pattern)
        }
        assert infos[name]["download_size"] == sum(path.stat().st_size for path in files)


def test_the_card_tells_what_was_counted(folder: Path, stats: Stats) -> None:
    text = card(folder, stats, FACTS, draw(stats, FACTS.funnel), license="cc-by-4.0")
    split = sum(row["test_trust"] == "split" for row in ROWS)
    faults = Counter(fault for row in ROWS for fault in row["test_faults"])
    sound, unknown = faults[None], faults["unknown_name"]
    for said in (
        f"| `judge_5` | {stats.subsets['judge_5']} |",
        f"| {sum(row['judge_score'] == 5 and row['domain'] == 'generic' for row in ROWS)} | "
        f"{sum(row['judge_score'] == 5 and row['domain'] == 'algorithmic' for row in ROWS)} |",
        "| decontaminate | 490 | 0 | 400 | `same_function` 10, `shared_ngrams` 80 |",
        "Questions dropped for it: 90.",
        "| humaneval | 164 |",
        "| mbpp | 974 | 0 | none |",
        "arXiv:2504.04030",
        "![Rows by judge score, the least of three.](plots/judge.png)",
        "(plots/funnel.png)",
        "name: my\nseeds:\n  - seeds.jsonl",
        "could import: `numpy 2.4.6`, `pandas 3.1.1`.",
        f"(`flaky`): {sum(row['flaky'] for row in ROWS)}.",
        f"| `test_trust` | rows |\n|---|---:|\n| split | {split} |",
        f"| none | {sound:,} |\n| unknown\\_name | {unknown} |",
    ):
        assert said in text
    assert "\n\n\n" not in body(text)


def test_without_benchmarks_the_card_says_that_none_was_kept_out(
    folder: Path, stats: Stats
) -> None:
    text = card(folder, stats, BuildFacts("Bare"), [], license="mit")
    assert "No benchmark was kept out" in text
    assert "funnel.png" not in text


NASTY = [
    "---\nlicense: evil\n---\n# Owned",
    "a: b # c",
    "'\"`{{ facts }}{% raw %}",
    "| a | b |\n\n# Heading\n\n",
    "<script>alert(1)</script><!--",
    "```\n# out\n```",
    "- [x](http://example.org) ![](y)",
    "& &amp; * _ ~~ $x$ @user",
    "\x00\x07\x1b[31m\u2028\u202e",
    "\ud800",
    "名前 \U0001f600",
    "",
    "null",
    "1.0",
    "yes",
    "x" * 3000,
]


def with_text(text: str) -> BuildFacts:
    return replace(
        FACTS,
        pretty_name=text,
        models={text: text, "judge": text},
        prompt_version=text,
        recipe_hash=text,
        recipe=text,
        packages={text: text},
        benchmarks={text: 3},
        funnel=(Step(text, 2, 1, 1, {text: 1, "other": 1}),),
        repo_id=text,
        source_datasets=(text,),
    )


@pytest.fixture(scope="module")
def plain(folder: Path, stats: Stats) -> str:
    """The card with a harmless word for every text."""
    return card(folder, stats, with_text("plain"), [], license="plain")


def check_unbroken(folder: Path, stats: Stats, plain: str, text: str) -> None:
    rendered = card(folder, stats, with_text(text), [], license=text)
    data = declared(rendered)
    assert data["pretty_name"] == one_line(text)
    assert {config["config_name"] for config in data["configs"]} == set(stats.subsets)
    assert headings(body(rendered))[1:] == headings(body(plain))[1:]
    parse = MarkdownIt("commonmark").enable("table").parse
    shape, expected = (
        [
            token.type
            for token in parse(body(one))
            if token.type in ("table_open", "tr_open", "td_open", "fence", "html_block")
        ]
        for one in (rendered, plain)
    )
    if text.strip():
        assert shape == expected


@pytest.mark.parametrize("text", NASTY)
def test_no_text_breaks_the_yaml_or_the_markdown(
    folder: Path, stats: Stats, plain: str, text: str
) -> None:
    check_unbroken(folder, stats, plain, text)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(st.sampled_from("|`\\<>-#*_[]()!:'\"{}%&\n\r\t a~=$."), min_size=1, max_size=30))
def test_no_mixture_of_markup_breaks_the_card(
    folder: Path, stats: Stats, plain: str, text: str
) -> None:
    check_unbroken(folder, stats, plain, text)


@given(st.text(max_size=40))
def test_escaped_text_is_shown_as_it_is(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse("start " + escaped(text))
    children = tokens[1].children or []
    assert all(child.type in ("text", "text_special", "entity") for child in children)
    shown = "".join(child.content for child in children)
    assert shown == ("start " + one_line(text)).rstrip()


@given(st.text(st.sampled_from("`|ab "), max_size=12))
def test_code_in_a_table_is_shown_as_it_is(text: str) -> None:
    table = f"| a |\n|---|\n| {code_cell(text)} |\n"
    tokens = MarkdownIt("commonmark").enable("table").parse(table)
    inline = [token for token in tokens if token.type == "inline"][1:]
    assert len(inline) == 1
    (code,) = inline[0].children or []
    assert code.content == (one_line(text) or "none")


@given(st.text(st.sampled_from("`~\nab"), max_size=30))
def test_nothing_ends_a_fence_from_within(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(fenced(text, "yaml") + "\n\nafter\n")
    assert [token.type for token in tokens if token.nesting >= 0] == [
        "fence",
        "paragraph_open",
        "inline",
    ]
    assert tokens[0].content.strip("\n") == text.strip("\n")


def test_an_unknown_licence_is_declared_as_other(folder: Path, stats: Stats) -> None:
    text = card(folder, stats, FACTS, [], license="My Own Licence (v2)")
    data = declared(text)
    assert (data["license"], data["license_name"]) == ("other", "my-own-licence-v2")


def test_the_table_of_columns_has_every_column_once() -> None:
    lines = columns_table().splitlines()[2:]
    assert [line.split("`")[1] for line in lines] == [column.name for column in COLUMNS]


def test_pictures_are_the_same_bytes_each_time_and_not_blank(tmp_path: Path) -> None:
    write_shards([table_of(ROWS[:1], dataset_schema())], tmp_path)
    some = measure(tmp_path)
    funnel = (*FACTS.funnel, Step("名前 $x$ " * 9, 1, 0, 0, {}))
    plots = draw(some, funnel)
    assert [plot.name for plot in plots] == [
        "judge.png",
        "pass_rate.png",
        "judge_by_pass.png",
        "lengths.png",
        "generations.png",
        "funnel.png",
    ]
    assert plots == draw(some, funnel)
    for plot in plots:
        pixels = matplotlib.image.imread(BytesIO(plot.png))
        assert np.ptp(pixels[:, :, :3]) > 0.5


def test_values_beyond_the_most_frequent_are_counted_together(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        row | {"license": f"Licence-{place // 2}"} for place, row in enumerate(ROWS)
    ]
    write_shards([table_of(rows, dataset_schema())], tmp_path)
    write_empty(tmp_path)
    text = card(tmp_path, measure(tmp_path), FACTS, [], license="mit")
    assert "| `180 others` | 360 |" in text


def test_the_yaml_has_no_aliases_and_is_the_same_each_time(folder: Path, stats: Stats) -> None:
    text = card(folder, stats, FACTS, [], license="mit")
    assert text == card(folder, measure(folder), FACTS, [], license="mit")
    front = text.split("\n---\n", maxsplit=1)[0].removeprefix("---\n")
    assert "&id" not in front
    assert json.dumps(yaml.safe_load(front))
