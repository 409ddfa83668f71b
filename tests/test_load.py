"""`load` and the builder: exactly the rows that were asked for, from no more files than needed."""

import glob
import importlib.util
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from opencodeinstruct import OpenCodeInstruct, load
from opencodeinstruct.builder.schema import dataset_schema, table_of
from opencodeinstruct.builder.shards import write_empty, write_shards
from opencodeinstruct.builder.subsets import SUBSETS
from tests.rows import finished_row, finished_rows

ROWS = finished_rows(200)
SCRIPT = Path(__file__).parents[1] / "opencodeinstruct.py"
RATES = (0, 0.1, 0.15, 0.3, 0.5, 0.6, 2 / 3, 0.7, 0.875, 0.9, 0.999, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shards of `ROWS`, in a folder whose name holds what globs are made of."""
    place = tmp_path_factory.mktemp("load") / "my [data]*"
    write_shards([table_of(ROWS, dataset_schema())], place)
    write_empty(place)
    return place


def ids(holds: Callable[[dict[str, Any]], bool]) -> list[str]:
    return sorted(row["id"] for row in ROWS if holds(row))


def test_all_rows_come_back_as_they_were(folder: Path, tmp_path: Path) -> None:
    loaded = load(folder, cache_dir=tmp_path)
    written = table_of(ROWS, dataset_schema()).to_pylist()
    assert {row["id"]: row for row in loaded} == {row["id"]: row for row in written}


@pytest.mark.parametrize("rate", RATES)
def test_no_row_at_the_edge_of_a_pass_rate_is_lost(
    folder: Path, tmp_path: Path, rate: float
) -> None:
    expected = ids(lambda row: row["tests_passed"] / row["tests_total"] >= rate)
    loaded = load(folder, min_pass_rate=rate, columns=["id"], cache_dir=tmp_path)
    assert sorted(loaded["id"]) == expected


@pytest.mark.parametrize("rate", [0.5, 0.7, 0.9])
def test_streamed_rows_are_the_same(folder: Path, rate: float) -> None:
    streamed = load(folder, min_pass_rate=rate, min_judge_score=2, streaming=True)
    assert sorted(row["id"] for row in streamed) == ids(
        lambda row: row["pass_rate"] >= rate and row["judge_score"] >= 2
    )


@pytest.mark.parametrize(
    ("score", "rate", "domains"),
    [
        (1, None, None),
        (4, None, None),
        (4.5, 0.0, None),
        (5, 1, ["generic"]),
        (3, 0.8, ["algorithmic", "generic"]),
        (None, 0.5, "algorithmic"),  # one name, not eleven letters
        (None, None, ["generic", "generic"]),
    ],
)
def test_conditions_hold_together(
    folder: Path, tmp_path: Path, score: float | None, rate: float | None, domains: Any
) -> None:
    named = [domains] if isinstance(domains, str) else domains
    loaded = load(
        str(folder),
        min_judge_score=score,
        min_pass_rate=rate,
        domains=domains,
        cache_dir=tmp_path,
    )
    assert sorted(loaded["id"]) == ids(
        lambda row: (
            row["judge_score"] >= (score or 0)
            and row["pass_rate"] >= (rate or 0)
            and (named is None or row["domain"] in named)
        )
    )


def test_only_the_columns_asked_for_are_there(folder: Path, tmp_path: Path) -> None:
    loaded = load(folder, columns=["output", "id", "id"], min_judge_score=4, cache_dir=tmp_path)
    assert set(loaded.column_names) == {"output", "id"}
    outputs = {row["id"]: row["output"] for row in ROWS}
    assert all(outputs[row["id"]] == row["output"] for row in loaded)


def test_files_that_cannot_hold_such_rows_are_not_read(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "dataset"
    for path in folder.rglob("*.parquet"):
        target = place / path.relative_to(folder)
        target.parent.mkdir(parents=True)
        fits = {"domain=generic", "judge=5", "pass=all"} <= set(target.parts) or "empty" in str(
            path
        )
        target.write_bytes(path.read_bytes() if fits else b"not a Parquet file")
    loaded = load(
        place, min_judge_score=5, min_pass_rate=1, domains=["generic"], cache_dir=tmp_path / "cache"
    )
    assert sorted(loaded["id"]) == ids(
        lambda row: (row["domain"], row["judge_score"], row["pass_rate"]) == ("generic", 5, 1.0)
    )


@pytest.mark.parametrize("domains", [None, ["algorithmic"]])
def test_where_nothing_fits_there_are_no_rows_but_all_columns(
    tmp_path: Path, domains: list[str] | None
) -> None:
    row = finished_row(0, domain="generic", judge_score=3)
    write_shards([table_of([row], dataset_schema())], tmp_path / "dataset")
    write_empty(tmp_path / "dataset")
    loaded = load(
        tmp_path / "dataset", min_judge_score=4, domains=domains, cache_dir=tmp_path / "cache"
    )
    assert loaded.num_rows == 0
    assert loaded.column_names == dataset_schema().names
    assert list(load(tmp_path / "dataset", min_judge_score=4, streaming=True)) == []


def test_changed_files_are_noticed(tmp_path: Path) -> None:
    place, cache = tmp_path / "dataset", tmp_path / "cache"
    shards = write_shards([table_of(ROWS[:50], dataset_schema())], place)
    first = load(place, cache_dir=cache)
    (place / shards[0].path).unlink()
    assert load(place, cache_dir=cache).num_rows == first.num_rows - shards[0].rows


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"min_judge_score": 0}, "min_judge_score is 0"),
        ({"min_judge_score": 5.5}, "min_judge_score is 5.5"),
        ({"min_pass_rate": -0.1}, "min_pass_rate is -0.1"),
        ({"min_pass_rate": 90}, "min_pass_rate is 90"),  # percent
        ({"min_pass_rate": float("nan")}, "min_pass_rate is nan"),
        ({"domains": ["Generic"]}, "no domain is called 'Generic'"),
        ({"domains": []}, "domains is empty"),
        ({"columns": []}, "columns is empty"),
        ({"columns": ["id", "code"]}, "no column is called 'code'"),
        ({"revision": "v1"}, "a folder has no revision"),
        ({"sample": 0}, "sample is 0"),
        ({"sample": 201}, "sample is 201, and 200 rows fit"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(
    folder: Path, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        load(folder, **arguments)


@pytest.mark.parametrize("place", ["absent", ""])
def test_a_folder_without_a_dataset_is_said_to_have_none(tmp_path: Path, place: str) -> None:
    with pytest.raises(FileNotFoundError, match="holds no shards"):
        load(tmp_path / place)
    with pytest.raises(FileNotFoundError, match="holds no shards"):
        OpenCodeInstruct(data_dir=str(tmp_path / place))


@pytest.mark.parametrize("sample", [1, 7, 200])
def test_a_sample_has_that_many_rows_of_each_folder_by_its_share(
    folder: Path, tmp_path: Path, sample: int
) -> None:
    rows = load(folder, sample=sample, seed=3, cache_dir=tmp_path)
    assert len(set(rows["id"])) == sample
    counts = Counter((row["domain"], row["judge_score"]) for row in rows)
    shares = Counter((row["domain"], row["judge_score"]) for row in ROWS)
    for place, count in counts.items():
        assert abs(count - sample * shares[place] / len(ROWS)) <= 5  # a row for each of 5 folders
    order = list(rows["domain"])
    assert sample < 100 or order != sorted(order, reverse=True)


@pytest.mark.parametrize("rate", [0.3, 0.7, 0.95])
def test_a_sample_of_a_part_of_a_folder_is_of_that_part(
    folder: Path, tmp_path: Path, rate: float
) -> None:
    fitting = ids(lambda row: row["pass_rate"] >= rate)
    everything = load(folder, min_pass_rate=rate, sample=len(fitting), cache_dir=tmp_path)
    assert sorted(everything["id"]) == fitting
    streamed = load(folder, min_pass_rate=rate, sample=len(fitting), streaming=True)
    assert sorted(row["id"] for row in streamed) == fitting
    with pytest.raises(ValueError, match=f"{len(fitting)} rows fit"):
        load(folder, min_pass_rate=rate, sample=len(fitting) + 1)


def test_a_pass_rate_of_32_bits_is_refused_because_it_would_lose_rows(tmp_path: Path) -> None:
    table = table_of([finished_row(0)], dataset_schema())
    place = table.schema.get_field_index("pass_rate")
    table = table.set_column(place, "pass_rate", table["pass_rate"].cast(pa.float32()))
    path = tmp_path / "data/domain=generic/judge=5/pass=all/train-00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(table, path)
    with pytest.raises(ValueError, match="rows would be lost"):
        load(tmp_path, min_pass_rate=0.9)


def test_what_another_version_of_datasets_wrote_into_the_shards_does_not_matter(
    tmp_path: Path,
) -> None:
    said = {"huggingface": '{"info": {"features": {"id": {"_type": "OfTheFuture"}}}}'}
    table = table_of([finished_row(0)], dataset_schema()).replace_schema_metadata(said)
    path = tmp_path / "data/domain=generic/judge=5/pass=all/train-00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(table, path)
    assert load(tmp_path, cache_dir=tmp_path / "cache")["id"] == [finished_row(0)["id"]]


def test_what_is_read_is_said_on_stderr_and_nothing_when_quiet(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load(folder, min_judge_score=5, cache_dir=tmp_path)
    assert "bytes, all on this machine" in capsys.readouterr().err
    load(folder, min_judge_score=5, cache_dir=tmp_path, quiet=True)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("format", ["parquet", "arrow"])
def test_the_builder_prepares_files_of_filtered_rows(
    folder: Path, tmp_path: Path, format: str
) -> None:
    builder = OpenCodeInstruct(
        config_name="judge_4plus",
        data_dir=str(folder),
        min_pass_rate=0.7,
        domains=["generic"],
        columns=["id", "input"],
        cache_dir=str(tmp_path / "cache"),
    )
    builder.download_and_prepare(str(tmp_path / "out"), file_format=format)
    expected = ids(
        lambda row: (
            row["judge_score"] >= 4 and row["pass_rate"] >= 0.7 and row["domain"] == "generic"
        )
    )
    if format == "parquet":
        table = pa.concat_tables(map(pq.read_table, (tmp_path / "out").glob("*.parquet")))
        assert sorted(table["id"].to_pylist()) == expected
        assert table.schema.names == ["id", "input"]
    else:
        assert builder.info.splits["train"].num_examples == len(expected)


def test_the_builder_notices_changed_files(tmp_path: Path) -> None:
    place, cache = tmp_path / "dataset", tmp_path / "cache"
    shards = write_shards([table_of(ROWS[:50], dataset_schema())], place)
    for gone in (0, shards[0].rows):
        builder = OpenCodeInstruct(data_dir=str(place), cache_dir=str(cache))
        builder.download_and_prepare()
        assert builder.as_dataset(split="train").num_rows == 50 - gone
        (place / shards[0].path).unlink(missing_ok=True)


@pytest.mark.parametrize("subset", SUBSETS, ids=lambda subset: subset.name)
def test_the_builder_reads_the_named_subset_of_a_folder(
    folder: Path, tmp_path: Path, subset: Any
) -> None:
    builder = OpenCodeInstruct(
        config_name=subset.name, data_dir=str(folder), cache_dir=str(tmp_path)
    )
    assert builder.info.description == subset.meaning
    builder.download_and_prepare()
    assert sorted(builder.as_dataset(split="train")["id"]) == ids(subset.holds)
    streamed = builder.as_streaming_dataset(split="train")
    assert sorted(row["id"] for row in streamed) == ids(subset.holds)


@pytest.mark.parametrize("name", ["tests_all", "failures", "judge_4plus"])
def test_the_builder_keeps_only_the_subset_of_files_that_hold_more(
    folder: Path, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "mixed.parquet"
    pq.write_table(table_of(ROWS, dataset_schema()), path)
    builder = OpenCodeInstruct(
        config_name=name,
        data_files={"train": [glob.escape(str(path))]},
        cache_dir=str(tmp_path / "cache"),
    )
    builder.download_and_prepare()
    subset = next(one for one in SUBSETS if one.name == name)
    assert sorted(builder.as_dataset()["train"]["id"]) == ids(subset.holds)


def test_the_builder_gives_no_rows_where_a_subset_has_none(tmp_path: Path) -> None:
    row = finished_row(0, domain="generic")
    write_shards([table_of([row], dataset_schema())], tmp_path / "dataset")
    write_empty(tmp_path / "dataset")
    builder = OpenCodeInstruct(
        config_name="algorithmic",
        data_dir=str(tmp_path / "dataset"),
        cache_dir=str(tmp_path / "cache"),
    )
    builder.download_and_prepare()
    assert builder.as_dataset(split="train").num_rows == 0
    assert builder.as_dataset()["train"].column_names == dataset_schema().names


def test_the_builder_wants_files_and_a_known_name(folder: Path) -> None:
    with pytest.raises(ValueError, match="give `data_dir`"):
        OpenCodeInstruct()
    with pytest.raises(ValueError, match="judge_6"):
        OpenCodeInstruct(config_name="judge_6", data_dir=str(folder))


def test_the_builder_is_a_class_of_datasets_that_can_be_pickled() -> None:
    assert issubclass(OpenCodeInstruct, datasets.ArrowBasedBuilder)
    assert pickle.loads(pickle.dumps(OpenCodeInstruct)) is OpenCodeInstruct
    assert [config.name for config in OpenCodeInstruct.BUILDER_CONFIGS] == [
        subset.name for subset in SUBSETS
    ]


def test_importing_the_package_does_not_import_datasets() -> None:
    program = (
        "import sys, opencodeinstruct, opencodeinstruct.builder.schema as schema\n"
        "assert 'datasets' not in sys.modules and schema.COLUMNS\n"
        "from opencodeinstruct import OpenCodeInstruct\n"
        "assert 'datasets' in sys.modules and OpenCodeInstruct is opencodeinstruct.OpenCodeInstruct"
    )
    subprocess.run([sys.executable, "-c", program], cwd=SCRIPT.parent, check=True)


def test_the_file_alone_is_a_script_in_which_datasets_3_finds_the_class(
    folder: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "modules" / "opencodeinstruct.py"
    copy.parent.mkdir()
    copy.write_bytes(SCRIPT.read_bytes())
    name = "datasets_modules_opencodeinstruct"
    spec = importlib.util.spec_from_file_location(name, copy)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        found = [
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, datasets.DatasetBuilder)
        ]
        assert [value.__name__ for value in found] == ["OpenCodeInstruct"]
        assert found[0].__module__ == name
        builder = found[0](
            config_name="judge_5", data_dir=str(folder), cache_dir=str(tmp_path / "cache")
        )
        builder.download_and_prepare()
        loaded = builder.as_dataset(split="train")
        assert sorted(loaded["id"]) == ids(lambda row: row["judge_score"] == 5)
    finally:
        del sys.modules[name]


def test_the_file_has_one_plain_import_a_line_and_none_of_the_package() -> None:
    for line in SCRIPT.read_text().splitlines():
        if line.startswith("import "):
            assert "," not in line
        if line.startswith(("import ", "from ")):
            assert "opencodeinstruct" not in line
