"""OpenCodeInstruct: load the dataset, or any subset of it, with the `datasets` library.

    from opencodeinstruct import load
    rows = load("path/or/repo", min_judge_score=4, min_pass_rate=0.9, domains=["algorithmic"])

This one file needs nothing but datasets and pyarrow. datasets 3 can also run it as a script; newer
versions refuse scripts, so never put it into a repository of data: the card's YAML is enough there.
"""

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_here = Path(__file__).resolve().parent
# In a wheel the subpackages lie in a folder beside this file, in a checkout next to it.
__path__ = [str(_here / __name__ if (_here / __name__).is_dir() else _here)]

__all__ = ["OpenCodeInstruct", "load"]

_DOMAINS = ("generic", "algorithmic")
_JUDGE_SCORES = (1, 2, 3, 4, 5)
_BUCKETS = ("none", "low", "high", "all")
_EMPTY_FILE = "data/empty/train-00000-of-00001.parquet"


@dataclass(frozen=True)
class _Subset:
    """Rows by domain, judge score, and share of tests passed: 0, below 1/2, below 1, 1."""

    meaning: str
    domains: tuple[str, ...] = _DOMAINS
    judge_scores: tuple[int, ...] = _JUDGE_SCORES
    buckets: tuple[str, ...] = _BUCKETS

    def globs(self) -> list[str]:
        """Globs, relative to the dataset folder, of the files of this subset only."""
        return [
            f"data/domain={domain}/judge={judge}/pass={bucket}/train-*.parquet"
            for domain in ("*",) * (self.domains == _DOMAINS) or self.domains
            for judge in ("*",) * (self.judge_scores == _JUDGE_SCORES) or self.judge_scores
            for bucket in ("*",) * (self.buckets == _BUCKETS) or self.buckets
        ]

    def condition(self) -> Any:
        """The same choice as a condition on rows, for pyarrow; shares are taken from integers."""
        from pyarrow import compute as pc

        passed, total = (pc.field(name).cast("int32") for name in ("tests_passed", "tests_total"))
        conditions = {
            "none": passed == 0,
            "low": (passed > 0) & (passed * 2 < total),
            "high": (passed * 2 >= total) & (passed < total),
            "all": passed == total,
        }
        bucket = pc.scalar(False)
        for name in self.buckets:
            bucket = bucket | conditions[name]
        return (
            pc.field("domain").isin(list(self.domains))
            & pc.field("judge_score").isin(list(self.judge_scores))
            & bucket
        )


_SUBSETS = {
    "default": _Subset("Every row."),
    "judge_5": _Subset("Rows whose three judge scores are all 5.", judge_scores=(5,)),
    "judge_4plus": _Subset("Rows whose three judge scores are all 4 or 5.", judge_scores=(4, 5)),
    "tests_all": _Subset("Rows whose solution passes all of its tests.", buckets=("all",)),
    "judge_5_tests_all": _Subset(
        "Rows whose three judge scores are all 5 and whose solution passes all of its tests.",
        judge_scores=(5,),
        buckets=("all",),
    ),
    "generic": _Subset("Rows whose question goes back to code.", domains=("generic",)),
    "algorithmic": _Subset("Rows whose question goes back to problems.", domains=("algorithmic",)),
    "failures": _Subset("Rows whose solution passes none of its tests.", buckets=("none",)),
}


def load(
    repo_or_folder: str | Path,
    *,
    min_judge_score: float | None = None,
    min_pass_rate: float | None = None,
    domains: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    streaming: bool = False,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
) -> Any:
    """Load the rows with at least that judge score and pass rate, of these domains.

    `repo_or_folder` is a dataset folder, or a repository on the Hub, of which `revision` is taken.
    Only files that can hold such rows are read or downloaded. Returns a `datasets.Dataset`, with
    no rows where none fits, or with `streaming` a `datasets.IterableDataset`.
    A value or name that cannot be is a `ValueError`, a folder without shards a `FileNotFoundError`.
    """
    import datasets

    subset = _subset_of(min_judge_score, min_pass_rate, _list_of("domains", domains))
    chosen = _list_of("columns", columns)
    conditions = [
        ("judge_score", ">=", min_judge_score),
        ("pass_rate", ">=", min_pass_rate),
        ("domain", "in", None if domains is None else list(subset.domains)),
    ]
    filters = [condition for condition in conditions if condition[2] is not None]
    folder = _folder_of(repo_or_folder)
    if folder is not None and revision is not None:
        raise ValueError(f"{folder}: a folder has no revision. Leave `revision` out.")
    builder = datasets.load_dataset_builder(
        str(repo_or_folder) if folder is None else "parquet",
        data_files={"train": _files(folder, subset)},
        revision=revision,
        cache_dir=None if cache_dir is None else str(cache_dir),
        filters=filters or None,
        columns=chosen,
    )
    if chosen is not None:
        _refuse_unknown(chosen, builder)
    if streaming:
        return builder.as_streaming_dataset(split="train")
    # The row counts in the card are those of whole subsets, so they cannot be checked here.
    builder.download_and_prepare(verification_mode="no_checks")
    return _read(builder)


def _subset_of(
    judge_score: float | None, pass_rate: float | None, domains: list[str] | None
) -> _Subset:
    """The folders that can hold rows with at least these values."""
    least, share = 1 if judge_score is None else judge_score, pass_rate or 0.0
    if not 1 <= least <= 5:
        raise ValueError(f"min_judge_score is {judge_score}. Give a number from 1 to 5.")
    if not 0 <= share <= 1:
        raise ValueError(f"min_pass_rate is {pass_rate}. Give a number from 0 to 1.")
    unknown = sorted(set(domains or ()) - set(_DOMAINS))
    if unknown:
        raise ValueError(f"no domain is called {unknown[0]!r}. Give {' or '.join(_DOMAINS)}.")
    reach = {"none": share <= 0, "low": share < 0.5, "high": share < 1, "all": True}
    return _Subset(
        "",
        tuple(domain for domain in _DOMAINS if domains is None or domain in domains),
        tuple(score for score in _JUDGE_SCORES if score >= least),
        tuple(bucket for bucket in _BUCKETS if reach[bucket]),
    )


def _list_of(name: str, values: Sequence[str] | None) -> list[str] | None:
    """`values` as a list without doubles; one name alone stands for itself."""
    if values is None:
        return None
    if not values:
        raise ValueError(f"{name} is empty. Name at least one, or leave `{name}` out.")
    return [values] if isinstance(values, str) else list(dict.fromkeys(values))


def _folder_of(place: str | Path) -> Path | None:
    """`place` as a folder of this machine, or None where it can only be a repository."""
    path, text = Path(place).expanduser(), str(place)
    looks_local = isinstance(place, Path) or text[:1] in ("/", ".", "~") or text.count("/") > 1
    return path if path.is_dir() or looks_local else None


def _files(folder: Path | None, subset: _Subset) -> list[str]:
    """The files of `subset`, absolute, or as globs where the folder is not on this machine.

    The shard without rows is always the last, so that there is one even where nothing fits.
    """
    if folder is None:
        return [*subset.globs(), _EMPTY_FILE]
    found = sorted(path for pattern in subset.globs() for path in folder.glob(pattern))
    files = [*found, *folder.glob(_EMPTY_FILE)]
    if not files:
        raise FileNotFoundError(f"{folder}: holds no shards. Give a folder that `build` made.")
    return [glob.escape(str(path.absolute())) for path in files]


def _refuse_unknown(columns: list[str], builder: Any) -> None:
    """Raise for a column that is not there; what is there is in the card, or in a local file."""
    from pyarrow import parquet as pq

    known = builder.info.features
    first = builder.config.data_files["train"][0]
    if known is None and Path(first).is_file():
        known = pq.read_schema(first).names
    unknown = [name for name in columns if known is not None and name not in known]
    if unknown:
        raise ValueError(f"no column is called {unknown[0]!r}. There are: {', '.join(known)}.")


def _read(builder: Any) -> Any:
    """What `builder` prepared, as a dataset; `datasets` itself refuses to read no rows."""
    import datasets

    if builder.info.splits.total_num_examples:
        return builder.as_dataset(split="train")
    features = builder.info.features
    return datasets.Dataset.from_dict({name: [] for name in features}, features=features)


def _make_builder() -> type[Any]:
    """The class `OpenCodeInstruct`; datasets takes a second to import, so not before it is used."""
    import datasets

    class OpenCodeInstruct(datasets.ArrowBasedBuilder):  # type: ignore[misc]
        """The named subsets of a dataset folder, given as `data_dir` or by its `data_files`.

        Rows of `data_files` that do not belong to the subset are left out.
        """

        BUILDER_CONFIGS = [  # noqa: RUF012  datasets wants a list
            datasets.BuilderConfig(name=name, description=subset.meaning)
            for name, subset in _SUBSETS.items()
        ]
        DEFAULT_CONFIG_NAME = "default"

        def __init__(
            self,
            *places: Any,
            config_name: str | None = None,
            data_dir: str | None = None,
            data_files: Any = None,
            **others: Any,
        ) -> None:
            name = config_name or self.DEFAULT_CONFIG_NAME
            files = data_files or _files_below(data_dir, name)
            super().__init__(*places, config_name=name, data_files=files, **others)

        def _info(self) -> Any:
            return datasets.DatasetInfo(description=self.config.description)

        def _split_generators(self, dl_manager: Any) -> list[Any]:
            files = dl_manager.download(self.config.data_files)
            self.info.features = self.info.features or _features(next(iter(files.values()))[0])
            return [
                datasets.SplitGenerator(name=name, gen_kwargs={"files": paths})
                for name, paths in files.items()
            ]

        def _generate_tables(self, files: list[str]) -> Iterator[tuple[tuple[int, int], Any]]:
            subset = _SUBSETS[self.config.name]
            return _tables(files, subset.condition(), self.info.features.arrow_schema)

        def as_dataset(self, split: Any = None, **others: Any) -> Any:
            """As the builder of `datasets`, but a subset may have no rows."""
            if self.info.splits is None or self.info.splits.total_num_examples:
                return super().as_dataset(split=split, **others)
            empty = datasets.DatasetDict({name: _read(self) for name in self.info.splits})
            return empty if split is None else empty["train"]

    OpenCodeInstruct.__qualname__ = "OpenCodeInstruct"
    return OpenCodeInstruct


def _features(path: str) -> Any:
    """The columns of the shard `path`, as `datasets` describes them."""
    import datasets
    from pyarrow import parquet as pq

    with open(path, "rb") as file:  # noqa: PTH123  datasets streams through `open`
        return datasets.Features.from_arrow_schema(pq.read_schema(file))


def _tables(files: list[str], condition: Any, schema: Any) -> Iterator[tuple[tuple[int, int], Any]]:
    """The rows of `files` for which `condition` holds, one row group at a time, by place."""
    from pyarrow import parquet as pq

    for place, path in enumerate(files):
        with open(path, "rb") as file:  # noqa: PTH123  datasets streams through `open`
            shard = pq.ParquetFile(file)
            for group in range(shard.num_row_groups):
                rows = shard.read_row_group(group).filter(condition)
                yield (place, group), rows.cast(schema)


def _files_below(data_dir: str | None, name: str) -> dict[str, list[str]]:
    """The files of the subset `name` below a folder of this machine, or below a URL.

    Files are given to datasets, not their folder: it notices only of files that they changed.
    """
    if data_dir is None:
        raise ValueError("no files: give `data_dir`, a dataset folder, or `data_files`.")
    subset = _SUBSETS.get(name, _SUBSETS["default"])
    if "://" not in data_dir:
        return {"train": _files(Path(data_dir).expanduser(), subset)}
    return {"train": [f"{data_dir.rstrip('/')}/{path}" for path in _files(None, subset)]}


def __getattr__(name: str) -> Any:
    if name != "OpenCodeInstruct":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = _make_builder()
    return globals()[name]


if __name__ != "opencodeinstruct":  # run as a script by datasets 3, which looks for the class
    OpenCodeInstruct = _make_builder()
