"""Stream a dataset from the Hub, or from a local folder of its files, with `datasets`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from opencodeinstruct.builder.errors import ProjectError, ServiceError
from opencodeinstruct.tools.sources.records import require_columns
from opencodeinstruct.tools.stages.seeds import HubCodeSource

_REPO = re.compile(r"[\w.-]+(?:/[\w.-]+)?")


@dataclass(frozen=True, slots=True)
class HubSplit:
    """One split of a dataset: `name` is `repo@commit`, or the folder's name."""

    name: str
    shards: tuple[Any, ...]


def is_local(repo: str) -> bool:
    """Whether `repo` is a folder here rather than a dataset's name on the Hub."""
    return Path(repo).expanduser().is_dir()


def check_repo(repo: str) -> None:
    """A `ProjectError` when `repo` is neither a folder nor the form of a dataset's name."""
    if not is_local(repo) and _REPO.fullmatch(repo) is None:
        raise ProjectError(f"{repo}: neither a folder nor a dataset such as owner/name.")


def open_split(source: HubCodeSource, columns: list[str]) -> HubSplit:
    """The shards of the split of `source`, of which nothing is downloaded yet.

    A dataset, split or column that is not there is a `ProjectError`; a Hub that does not answer is
    a `ServiceError`.
    """
    repo = source.repo
    if is_local(repo):
        folder = Path(repo).expanduser()
        load = _Load(str(folder), source.config, source.split)
        return _opened(folder.resolve().name, load, columns)
    commit = _commit(repo, source.revision)
    load = _Load(repo, source.config, source.split, revision=commit)
    return _opened(f"{repo}@{commit}", load, columns)


def open_files(repo: str, patterns: tuple[str, ...], columns: list[str]) -> HubSplit:
    """The files of a dataset on the Hub that fit the first pattern that any fits, as shards.

    The way to read a dataset that comes with a script, which `datasets` no longer runs.
    """
    commit = _commit(repo, None)
    files = _files(repo, commit)
    for pattern in patterns:
        found = sorted(file for file in files if fnmatchcase(file, pattern))
        if found:
            urls = tuple(f"hf://datasets/{repo}@{commit}/{file}" for file in found)
            kind = {"parquet": "parquet", "arrow": "arrow"}.get(found[0].rsplit(".", 1)[-1], "json")
            load = _Load(kind, None, "train", data_files=urls)
            return _opened(f"{repo}@{commit}", load, columns)
    raise ProjectError(f"{repo}: no file fits {', '.join(patterns)}. Correct the path or split.")


def rows_of(split: HubSplit, shard: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each row and its origin from 0: `repo@commit:row`, or `:shard/row` of several shards."""
    part = f"{shard}/" if len(split.shards) > 1 else ""
    rows = enumerate(split.shards[shard])
    while True:
        try:
            number, row = next(rows)
        except StopIteration:
            return
        except Exception as error:
            raise ServiceError(f"{split.name}: stopped ({_line(error)}). Run again.") from error
        yield f"{split.name}:{part}{number}", row


@dataclass(frozen=True, slots=True)
class _Load:
    """What `datasets.load_dataset` is asked for."""

    place: str
    config: str | None
    split: str
    revision: str | None = None
    data_files: tuple[str, ...] | None = None


def _opened(name: str, load: _Load, columns: list[str]) -> HubSplit:
    from datasets import load_dataset  # takes a second: only recipes with such a source pay it

    try:
        stream = load_dataset(
            load.place,
            load.config,
            split=load.split,
            revision=load.revision,
            data_files=list(load.data_files) if load.data_files else None,
            streaming=True,
        )
        present = stream.column_names or list(next(iter(stream), {}))
    except (FileNotFoundError, ValueError, RuntimeError) as error:
        raise ProjectError(f"{name}, split {load.split!r}: {_line(error)}") from error
    except Exception as error:
        raise ServiceError(f"{name}: the Hub did not answer ({_line(error)}).") from error
    require_columns(name, present, columns)
    chosen = stream.select_columns(columns)
    count = max(1, chosen.num_shards)
    return HubSplit(name, tuple(chosen.shard(count, index) for index in range(count)))


def _commit(repo: str, revision: str | None) -> str:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    try:
        return str(HfApi().dataset_info(repo, revision=revision).sha)
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ProjectError(f"{repo}: no such dataset, or no access to it. Log in?") from error
    except Exception as error:
        raise ServiceError(f"{repo}: the Hub did not answer ({_line(error)}).") from error


def _files(repo: str, commit: str) -> list[str]:
    from huggingface_hub import HfApi

    try:
        return list(HfApi().list_repo_files(repo, repo_type="dataset", revision=commit))
    except Exception as error:
        raise ServiceError(f"{repo}: the Hub did not answer ({_line(error)}).") from error


def _line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).strip().split("\n")[0]
