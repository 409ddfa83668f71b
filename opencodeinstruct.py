"""OpenCodeInstruct: load the dataset, or any subset of it, with the `datasets` library.

    from opencodeinstruct import load
    rows = load("path/or/repo", min_judge_score=4, min_pass_rate=0.9, domains=["algorithmic"])

This one file needs nothing but datasets, with the packages it brings, and pyarrow. datasets 3 can
also run it as a script; newer versions refuse scripts, so never put it into a repository of data:
the card's YAML is enough there.
"""

import glob
import random
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

_here = Path(__file__).resolve().parent
# In a wheel the subpackages lie in a folder beside this file, in a checkout next to it.
__path__ = [str(_here / __name__ if (_here / __name__).is_dir() else _here)]

__all__ = ["OpenCodeInstruct", "load"]

_UNKNOWN = "unknown"
_DOMAINS = ("generic", "algorithmic", _UNKNOWN)
_JUDGES = ("1", "2", "3", "4", "5", _UNKNOWN)
_BUCKETS = {"none": 0.0, "low": 0.0, "high": 0.5, "most": 0.9, "all": 1.0}
_ABOVE = {"none": 0.0, "low": 0.5, "high": 0.9, "most": 1.0, "all": 2.0}
"""By folder the share of tests passed that its rows have at least, and one that they are below."""

_SHARD = re.compile(r"data/domain=\w+/judge=\w+/pass=\w+/train-[^/]*\.parquet")
_EMPTY_FILE = "data/empty/train-00000-of-00001.parquet"
_BLOCK = {"hf": {"block_size": 1 << 16}}  # by default 5 MB are read for each column of a row group


@dataclass(frozen=True)
class _Subset:
    """Rows by the folders in which they lie, and what they must fulfil besides."""

    meaning: str = "every row"
    domains: tuple[str, ...] = _DOMAINS
    judges: tuple[str, ...] = _JUDGES
    buckets: tuple[str, ...] = (*_BUCKETS, _UNKNOWN)

    def globs(self) -> list[str]:
        """Globs, relative to the dataset folder, of the files of this subset only."""
        parts = (self.domains, _DOMAINS), (self.judges, _JUDGES), (self.buckets, _Subset.buckets)
        chosen = [("*",) if set(some) == set(every) else some for some, every in parts]
        return [
            f"data/domain={domain}/judge={judge}/pass={bucket}/train-*.parquet"
            for domain in chosen[0]
            for judge in chosen[1]
            for bucket in chosen[2]
        ]

    def holds(self, path: str) -> bool:
        """Whether the file `path` of a dataset lies in one of the folders."""
        place = dict(part.split("=", 1) for part in Path(path).parts if "=" in part)
        return (
            place.get("domain") in self.domains
            and place.get("judge") in self.judges
            and place.get("pass") in self.buckets
        )

    def and_(self, other: "_Subset") -> "_Subset":
        """The rows that belong to both."""
        return _Subset(
            self.meaning + " and " + other.meaning,
            tuple(name for name in self.domains if name in other.domains),
            tuple(name for name in self.judges if name in other.judges),
            tuple(name for name in self.buckets if name in other.buckets),
        )

    def condition(self) -> Any:
        """The same choice as a condition on rows, for pyarrow; shares are taken from integers."""
        from pyarrow import compute as pc

        passed, total = (pc.field(name).cast("int32") for name in ("tests_passed", "tests_total"))
        known = {
            "none": (passed == 0) & (total > 0),
            "low": (passed > 0) & (passed * 2 < total),
            "high": (passed * 2 >= total) & (passed * 10 < total * 9),
            "most": (passed * 10 >= total * 9) & (passed < total),
            "all": (passed == total) & (total > 0),
            _UNKNOWN: passed.is_null() | total.is_null() | (total == 0),
        }
        bucket = pc.scalar(False)
        for name in self.buckets:
            bucket = bucket | pc.coalesce(known[name], pc.scalar(False))
        judge = pc.coalesce(pc.field("judge_score").cast("string"), pc.scalar(_UNKNOWN))
        domain = pc.coalesce(pc.field("domain"), pc.scalar(_UNKNOWN))
        return domain.isin(list(self.domains)) & judge.isin(list(self.judges)) & bucket


_PARTS = {
    "default": _Subset(),
    "judge_5": _Subset("whose three judge scores are all 5", judges=("5",)),
    "judge_4plus": _Subset("whose three judge scores are all 4 or 5", judges=("4", "5")),
    "tests_all": _Subset("whose solution passes all of its tests", buckets=("all",)),
    "tests_90plus": _Subset(
        "whose solution passes nine in ten of its tests or more", buckets=("most", "all")
    ),
    "generic": _Subset("whose question goes back to code", domains=("generic",)),
    "algorithmic": _Subset("whose question goes back to problems", domains=("algorithmic",)),
    "failures": _Subset("whose solution passes none of its tests", buckets=("none",)),
}
_NAMES = (
    "default judge_5 judge_4plus tests_all tests_90plus "
    "judge_5+tests_all judge_5+tests_90plus judge_4plus+tests_all judge_4plus+tests_90plus "
    "generic generic+judge_5+tests_all algorithmic algorithmic+judge_5+tests_all failures"
)


def _subsets() -> dict[str, _Subset]:
    """Every named subset, by its name."""
    subsets = {}
    for name in _NAMES.split():
        first, *others = (_PARTS[part] for part in name.split("+"))
        for other in others:
            first = first.and_(other)
        meaning = "Every row." if name == "default" else f"Rows {first.meaning}."
        subsets[name.replace("+", "_")] = replace(first, meaning=meaning)
    return subsets


_SUBSETS = _subsets()


@dataclass(frozen=True)
class _Choice:
    """What was asked for: at least these values, of these domains, only these columns."""

    min_judge_score: float | None = None
    min_pass_rate: float | None = None
    domains: list[str] | None = None
    columns: list[str] | None = None

    def folders(self) -> _Subset:
        """The folders that can hold such rows; a `ValueError` for a value that cannot be."""
        least, share = self.min_judge_score, self.min_pass_rate
        if least is not None and not 1 <= least <= 5:
            raise ValueError(f"min_judge_score is {least}. Give a number from 1 to 5.")
        if share is not None and not 0 <= share <= 1:
            raise ValueError(f"min_pass_rate is {share}. Give a number from 0 to 1.")
        unknown = sorted(set(self.domains or ()) - set(_DOMAINS[:2]))
        if unknown:
            raise ValueError(
                f"no domain is called {unknown[0]!r}. Give {' or '.join(_DOMAINS[:2])}."
            )
        judges = [judge for judge in _JUDGES[:5] if int(judge) >= (least or 0)]
        buckets = [name for name, end in _ABOVE.items() if not share or share < end]
        return _Subset(
            "",
            _DOMAINS if self.domains is None else tuple(self.domains),
            _JUDGES if least is None else tuple(judges),
            _Subset.buckets if share is None else tuple(buckets),
        )

    def cuts(self, path: str) -> bool:
        """Whether some rows of the file `path`, which may hold fitting ones, may not fit."""
        bucket = path.rpartition("/pass=")[2].partition("/")[0]
        return (self.min_pass_rate or 0) > _BUCKETS.get(bucket, 1.0)

    def filters(self) -> list[tuple[str, str, Any]] | None:
        """The conditions on rows, as `datasets` and pyarrow take them."""
        conditions = [
            ("judge_score", ">=", self.min_judge_score),
            ("pass_rate", ">=", self.min_pass_rate),
            ("domain", "in", self.domains),
        ]
        return [condition for condition in conditions if condition[2] is not None] or None


@dataclass(frozen=True)
class _File:
    """A shard: its path in the dataset, where to read it, its bytes, and those to be fetched."""

    path: str
    url: str
    bytes: int
    missing: int


def load(
    repo_or_folder: str | Path,
    *,
    min_judge_score: float | None = None,
    min_pass_rate: float | None = None,
    domains: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    sample: int | None = None,
    seed: int = 0,
    streaming: bool = False,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    quiet: bool = False,
) -> Any:
    """Load the rows with at least that judge score and pass rate, of these domains.

    `repo_or_folder` is a dataset folder, or a repository on the Hub, of which the commit is taken
    that `revision` names now. Only files that can hold such rows are read or downloaded; how many
    bytes that is at most is said on stderr before, unless `quiet`. Returns a `datasets.Dataset`,
    with no rows where none fits, or with `streaming` a `datasets.IterableDataset`.

    `sample` takes exactly that many of these rows, at random by `seed`: of each folder by its share
    of the rows, and of as few files as hold enough. They are shuffled, unless they are streamed.

    A value or name that cannot be, or a larger sample than there are rows, is a `ValueError`; a
    place without a dataset of this layout is a `FileNotFoundError`.
    """
    import datasets

    choice = _Choice(
        min_judge_score, min_pass_rate, _list_of("domains", domains), _list_of("columns", columns)
    )
    folders = choice.folders()
    every = _find(repo_or_folder, revision)
    files = [file for file in every if folders.holds(file.path)]
    features = _features_of((files or every)[-1].url, choice.columns)
    counts = {} if sample is None else _counted(files, choice)
    drawn = None if sample is None else _draw(counts, sample, seed)
    files = files if drawn is None else list(drawn)
    if not quiet:
        _say(str(repo_or_folder), files, streaming)
    if not files:
        return _no_rows(features, streaming)
    if drawn and streaming:
        return datasets.IterableDataset.from_generator(
            _rows_at,
            features=features,
            gen_kwargs={"drawn": list(drawn.items()), "choice": [choice] * len(drawn)},
        )
    rows = _read_files(files, features, choice, streaming, cache_dir)
    return rows if drawn is None else rows.select(_places(drawn, counts, seed))


def _read_files(
    files: list[_File],
    features: Any,
    choice: _Choice,
    streaming: bool,
    cache_dir: str | Path | None,
) -> Any:
    """The rows of `files` that fit, in their order."""
    import datasets

    builder = datasets.load_dataset_builder(
        "parquet",
        data_files={"train": [_pattern(file.url) for file in files]},
        cache_dir=None if cache_dir is None else str(cache_dir),
        features=features,
        filters=choice.filters(),
        columns=choice.columns,
        storage_options=_BLOCK if streaming and choice.columns else None,
    )
    if streaming:
        return builder.as_streaming_dataset(split="train")
    # The row counts in the card are those of whole subsets, so they cannot be checked here.
    builder.download_and_prepare(verification_mode="no_checks")
    return _read(builder)


def _list_of(name: str, values: Sequence[str] | None) -> list[str] | None:
    """`values` as a list without doubles; one name alone stands for itself."""
    if values is None:
        return None
    if not values:
        raise ValueError(f"{name} is empty. Name at least one, or leave `{name}` out.")
    return [values] if isinstance(values, str) else list(dict.fromkeys(values))


def _find(place: str | Path, revision: str | None) -> list[_File]:
    """The shards of the dataset `place`, sorted by path; that without rows is among them."""
    folder = _folder_of(place)
    if folder is None:
        return _find_on_hub(str(place), revision)
    if revision is not None:
        raise ValueError(f"{folder}: a folder has no revision. Leave `revision` out.")
    found = sorted(folder.glob("data/**/train-*.parquet"))
    files = [
        _File(path.relative_to(folder).as_posix(), str(path.absolute()), path.stat().st_size, 0)
        for path in found
    ]
    return _of_layout(str(folder), files)


def _folder_of(place: str | Path) -> Path | None:
    """`place` as a folder of this machine, or None where it can only be a repository."""
    path, text = Path(place).expanduser(), str(place)
    looks_local = isinstance(place, Path) or text[:1] in ("/", ".", "~") or text.count("/") != 1
    return path if path.is_dir() or looks_local else None


def _find_on_hub(repo: str, revision: str | None) -> list[_File]:
    """As `_find`; all files are those of one commit, whatever happens to `revision` meanwhile."""
    from huggingface_hub import HfApi, try_to_load_from_cache
    from huggingface_hub.errors import (
        EntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        sha = HfApi().dataset_info(repo, revision=revision).sha
        tree = HfApi().list_repo_tree(
            repo, "data", recursive=True, revision=sha, repo_type="dataset"
        )
        sizes = {entry.path: entry.size for entry in tree if hasattr(entry, "size")}
    except EntryNotFoundError:
        sizes = {}
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        what = f"revision {revision!r}" if isinstance(error, RevisionNotFoundError) else "dataset"
        raise FileNotFoundError(
            f"{repo}: no such {what} on the Hub, or no access to it."
        ) from error
    files = []
    for path in sorted(name for name in sizes if name.endswith(".parquet")):
        cached = try_to_load_from_cache(repo, path, revision=sha, repo_type="dataset")
        missing = 0 if isinstance(cached, str) else sizes[path]
        files.append(_File(path, f"hf://datasets/{repo}@{sha}/{path}", sizes[path], missing))
    return _of_layout(repo, files)


def _of_layout(place: str, files: list[_File]) -> list[_File]:
    """Those of `files` that are shards of this layout; a `FileNotFoundError` where none is."""
    shards = [file for file in files if _SHARD.match(file.path) or file.path == _EMPTY_FILE]
    if not shards:
        other = ", but shards of another layout: `opencodeinstruct import` reads the published one"
        raise FileNotFoundError(
            f"{place}: holds no shards below data/domain=…/judge=…/pass=…{other if files else ''}. "
            "Give a dataset that `build` or `import` made."
        )
    return shards


def _opened(url: str) -> Any:
    """The file `url`, of which only what is read is fetched."""
    if "://" not in url:
        return Path(url).open("rb")
    from huggingface_hub import HfFileSystem

    return HfFileSystem().open(url, block_size=_BLOCK["hf"]["block_size"])


def _features_of(url: str, columns: list[str] | None) -> Any:
    """The columns of the shard `url`, or those chosen, as `datasets` describes them.

    Taken from the types alone: what a later version of datasets wrote beside them, an earlier one
    cannot read.
    """
    import datasets
    import pyarrow as pa
    from pyarrow import parquet as pq

    with _opened(url) as file:
        schema = pq.read_schema(file).remove_metadata()
    unknown = [name for name in columns or () if name not in schema.names]
    if unknown:
        raise ValueError(
            f"no column is called {unknown[0]!r}. There are: {', '.join(schema.names)}."
        )
    if "pass_rate" in schema.names and str(schema.field("pass_rate").type) != "double":
        raise ValueError(
            f"{url}: `pass_rate` has {schema.field('pass_rate').type}, in which 0.9 is less than "
            "0.9: rows would be lost. Take a dataset with 64 bits there."
        )
    chosen = [schema.field(name) for name in columns or schema.names]
    return datasets.Features.from_arrow_schema(pa.schema(chosen))


def _say(place: str, files: list[_File], streaming: bool) -> None:
    """Tell how much there is to read, and of it to fetch, before any of it is."""
    size, missing = sum(file.bytes for file in files), sum(file.missing for file in files)
    remote = any("://" in file.url for file in files)
    how = f"{missing:,} bytes to fetch" if remote else "all on this machine"
    if remote and streaming:
        how = "of which only what is read is fetched"
    sys.stderr.write(f"{place}: {len(files):,} files, {size:,} bytes, {how}\n")


def _counted(files: list[_File], choice: _Choice) -> dict[_File, int]:
    """How many rows of each file fit: from its footer, or where some may not, from its values."""
    with ThreadPoolExecutor(16) as pool:
        return dict(zip(files, pool.map(lambda file: _count(file, choice), files), strict=True))


def _count(file: _File, choice: _Choice) -> int:
    from pyarrow import parquet as pq

    with _opened(file.url) as opened:
        shard = pq.ParquetFile(opened)
        if not choice.cuts(file.path):
            return int(shard.metadata.num_rows)
        rates = shard.read(columns=["pass_rate"])["pass_rate"].to_pylist()
    return sum(rate is not None and rate >= choice.min_pass_rate for rate in rates)


def _draw(counts: dict[_File, int], sample: int, seed: int) -> dict[_File, list[int]]:
    """For each file that is needed, by path, the places among its fitting rows that are taken."""
    rows = sum(counts.values())
    if not 0 < sample <= rows:
        raise ValueError(
            f"sample is {sample}, and {rows} rows fit. Give a number from 1 to {rows}."
        )
    folders: dict[str, list[_File]] = {}
    for file in counts:
        folders.setdefault(file.path.rpartition("/")[0], []).append(file)
    totals = {name: sum(counts[file] for file in files) for name, files in folders.items()}
    drawn: dict[_File, list[int]] = {}
    for name, quota in _quotas(totals, sample).items():
        random_of = random.Random(f"{seed}/{name}")
        needed, there = [], 0
        for file in random_of.sample(folders[name], len(folders[name])):
            if there < quota:
                needed.append((file, there))
                there += counts[file]
        places = sorted(random_of.sample(range(there), quota))
        for file, start in needed:
            end = start + counts[file]
            drawn[file] = [place - start for place in places if start <= place < end]
    return {file: drawn[file] for file in sorted(drawn, key=lambda file: file.path) if drawn[file]}


def _quotas(totals: dict[str, int], sample: int) -> dict[str, int]:
    """`sample` dealt out by the sizes of `totals`, to a row; remainders to the largest ones."""
    rows = sum(totals.values())
    quotas = {name: sample * size // rows for name, size in totals.items()}
    by_rest = sorted(totals, key=lambda name: (-(sample * totals[name] % rows), name))
    for name in by_rest[: sample - sum(quotas.values())]:
        quotas[name] += 1
    return quotas


def _places(drawn: dict[_File, list[int]], counts: dict[_File, int], seed: int) -> list[int]:
    """The places of the rows drawn among all fitting rows of their files, shuffled."""
    places, start = [], 0
    for file, taken in drawn.items():
        places += [start + place for place in taken]
        start += counts[file]
    random.Random(seed).shuffle(places)
    return places


def _rows_at(drawn: list[tuple[_File, list[int]]], choice: list[_Choice]) -> Iterator[Any]:
    """The rows drawn, of the row groups that hold some and of no others."""
    from pyarrow import parquet as pq

    for (file, places), chosen in zip(drawn, choice, strict=True):
        with _opened(file.url) as opened:
            shard, start, left = pq.ParquetFile(opened), 0, list(places)
            for group in range(shard.num_row_groups):
                rates = shard.read_row_group(group, columns=["pass_rate"])["pass_rate"].to_pylist()
                least = chosen.min_pass_rate if chosen.cuts(file.path) else None
                fitting = [
                    row
                    for row, rate in enumerate(rates)
                    if least is None or (rate is not None and rate >= least)
                ]
                end = start + len(fitting)
                rows = [fitting[place - start] for place in left if place < end]
                left = [place for place in left if place >= end]
                start = end
                if rows:
                    table = shard.read_row_group(group, columns=chosen.columns)
                    yield from table.take(rows).to_pylist()


def _pattern(url: str) -> str:
    """`url` as a glob that fits nothing else."""
    return url if "://" in url else glob.escape(url)


def _read(builder: Any) -> Any:
    """What `builder` prepared, as a dataset; `datasets` itself refuses to read no rows."""
    if builder.info.splits.total_num_examples:
        return builder.as_dataset(split="train")
    return _no_rows(builder.info.features, streaming=False)


def _no_rows(features: Any, streaming: bool) -> Any:
    """A dataset of these columns without rows."""
    import datasets

    if streaming:
        return datasets.IterableDataset.from_generator(tuple, features=features)
    return datasets.Dataset.from_dict({name: [] for name in features}, features=features)


def _make_config() -> type[Any]:
    """The class of its configs, a name of this module, so that it can be pickled."""
    import datasets

    @dataclass
    class OpenCodeInstructConfig(datasets.BuilderConfig):  # type: ignore[misc]
        """A named subset, and what its rows must fulfil besides: as the arguments of `load`."""

        min_judge_score: float | None = None
        min_pass_rate: float | None = None
        domains: Sequence[str] | None = None
        columns: Sequence[str] | None = None

    OpenCodeInstructConfig.__qualname__ = "OpenCodeInstructConfig"
    globals()["OpenCodeInstructConfig"] = OpenCodeInstructConfig
    return OpenCodeInstructConfig


def _make_builder() -> type[Any]:
    """The class `OpenCodeInstruct`; datasets takes a second to import, so not before it is used."""
    import datasets

    config_class = _make_config()

    class OpenCodeInstruct(datasets.ArrowBasedBuilder):  # type: ignore[misc]
        """A named subset of a dataset, with filters; its files are chosen before they are fetched.

        `data_dir` is a dataset folder, a repository on the Hub, or the URL of a folder;
        or the files are named by `data_files`, and rows of them that do not fit are left out.
        """

        BUILDER_CONFIG_CLASS = config_class
        BUILDER_CONFIGS = [  # noqa: RUF012  datasets wants a list
            config_class(name=name, description=subset.meaning) for name, subset in _SUBSETS.items()
        ]
        DEFAULT_CONFIG_NAME = "default"

        def __init__(
            self,
            *places: Any,
            config_name: str | None = None,
            data_dir: str | None = None,
            data_files: Any = None,
            revision: str | None = None,
            **others: Any,
        ) -> None:
            name = config_name or self.DEFAULT_CONFIG_NAME
            choice = _choice_of(others)
            files = data_files or _files_below(data_dir, name, choice, revision)
            super().__init__(*places, config_name=name, data_files=files, **others)

        def _info(self) -> Any:
            return datasets.DatasetInfo(description=self.config.description)

        def _split_generators(self, dl_manager: Any) -> list[Any]:
            files = dl_manager.download(self.config.data_files)
            columns = _list_of("columns", self.config.columns)
            first = next(iter(files.values()))[0]
            self.info.features = self.info.features or _features_of(first, columns)
            return [
                datasets.SplitGenerator(name=name, gen_kwargs={"files": paths})
                for name, paths in files.items()
            ]

        def _generate_tables(self, files: list[str]) -> Iterator[tuple[tuple[int, int], Any]]:
            condition = _SUBSETS[self.config.name].condition()
            filters = _choice_of(vars(self.config)).filters()
            return _tables(files, condition, filters, self.info.features.arrow_schema)

        def as_dataset(self, split: Any = None, **others: Any) -> Any:
            """As the builder of `datasets`, but a subset may have no rows."""
            if self.info.splits is None or self.info.splits.total_num_examples:
                return super().as_dataset(split=split, **others)
            empty = datasets.DatasetDict({name: _read(self) for name in self.info.splits})
            return empty if split is None else empty["train"]

    OpenCodeInstruct.__qualname__ = "OpenCodeInstruct"
    return OpenCodeInstruct


def _choice_of(values: Mapping[str, Any]) -> _Choice:
    """The filters among the settings of a config."""
    return _Choice(
        values.get("min_judge_score"),
        values.get("min_pass_rate"),
        _list_of("domains", values.get("domains")),
        _list_of("columns", values.get("columns")),
    )


def _tables(
    files: list[str], condition: Any, filters: Any, schema: Any
) -> Iterator[tuple[tuple[int, int], Any]]:
    """The rows of `files` that fit, one row group at a time, by place."""
    from pyarrow import parquet as pq

    asked = pq.filters_to_expression(filters) if filters else None
    needed = ["domain", "judge_score", "tests_passed", "tests_total", "pass_rate"]
    names = list(dict.fromkeys([*schema.names, *needed]))
    for place, path in enumerate(files):
        with open(path, "rb") as file:  # noqa: PTH123  datasets streams through `open`
            shard = pq.ParquetFile(file)
            for group in range(shard.num_row_groups):
                rows = shard.read_row_group(group, columns=names).filter(condition)
                rows = rows if asked is None else rows.filter(asked)
                yield (place, group), rows.select(schema.names).cast(schema)


def _files_below(
    data_dir: str | None, name: str, choice: _Choice, revision: str | None
) -> dict[str, list[str]]:
    """The files that can hold rows of the subset `name` that fit `choice`.

    Files are given to datasets, not their folder: it notices only of files that they changed.
    """
    if data_dir is None:
        raise ValueError("no files: give `data_dir`, a dataset, or `data_files`.")
    subset = _SUBSETS.get(name, _SUBSETS["default"]).and_(choice.folders())
    if "://" in data_dir:
        return {
            "train": [f"{data_dir.rstrip('/')}/{path}" for path in [*subset.globs(), _EMPTY_FILE]]
        }
    every = _find(data_dir, revision)
    files = [file for file in every if subset.holds(file.path) or file.path == _EMPTY_FILE]
    return {"train": [_pattern(file.url) for file in files or every[-1:]]}


def __getattr__(name: str) -> Any:
    if name != "OpenCodeInstruct":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = _make_builder()
    return globals()[name]


if __name__ != "opencodeinstruct":  # run as a script by datasets 3, which looks for the class
    OpenCodeInstruct = _make_builder()
