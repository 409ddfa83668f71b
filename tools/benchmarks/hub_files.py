"""The files of a benchmark: from the Hub at a fixed commit, or from a folder of this machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from opencodeinstruct.builder.errors import Missing
from opencodeinstruct.tools.benchmarks.known import Known

FOLDER = "OPENCODEINSTRUCT_BENCHMARKS"
"""The variable that names a folder with files of benchmarks: `mbpp.jsonl`, `apps.parquet`, …"""

_SUFFIXES = (".jsonl", ".jsonl.gz", ".parquet")


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one benchmark, and where they come from: `repo@commit`, or a path."""

    origin: str
    paths: tuple[Path, ...]


def local_files(name: str) -> Files | None:
    """The files of `name` in the folder that `OPENCODEINSTRUCT_BENCHMARKS` names, if any."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return None
    found = [Path(folder) / f"{name}{suffix}" for suffix in _SUFFIXES]
    for path in found:
        if path.is_file():
            return Files(str(path), (path,))
    return None


@contextmanager
def _had_from_the_hub(cannot: str, instead: str) -> Iterator[None]:
    """Whatever keeps files on the Hub from being had is `Missing`, with what to do instead."""
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        yield
    except (
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        OSError,
        ValueError,
    ) as error:
        why = str(error).strip().split("\n")[0]
        raise Missing(f"{cannot} ({why}). {instead}") from error


def hub_files(name: str, known: Known, revision: str | None) -> Files:
    """The files of a known benchmark, downloaded where they are not in the cache of the Hub.

    `Missing` where they cannot be had: a benchmark that is absent must not pass as clean.
    """
    from huggingface_hub import HfApi, hf_hub_download  # late: only who names one waits for it

    wanted = revision or known.revision
    cannot = f"benchmark {name!r}: {known.repo} cannot be had from the Hub"
    with _had_from_the_hub(cannot, _instead(name)):
        info = HfApi().dataset_info(known.repo, revision=wanted)
        commit = info.sha or wanted or "main"
        names = [file.rfilename for file in info.siblings or ()]
        chosen = [n for p in known.patterns for n in sorted(names) if fnmatchcase(n, p)]
        if not chosen:
            raise Missing(
                f"benchmark {name!r}: {known.repo}@{commit} holds no file "
                f"{known.patterns[0]}; its files have moved. {_instead(name)}"
            )
        paths = [
            Path(hf_hub_download(known.repo, n, repo_type="dataset", revision=commit))
            for n in chosen
        ]
    return Files(f"{known.repo}@{commit}", tuple(paths))


def _instead(name: str) -> str:
    return (
        f"Give its file as {{name: {name}, path: FILE}}, or put it into the folder that "
        f"{FOLDER} names, as {name}.jsonl or {name}.parquet."
    )


def dataset_files(repo: str, suffixes: tuple[str, ...]) -> tuple[Path, ...]:
    """The data files of the newest commit of a dataset on the Hub, downloaded; Parquet first."""
    from huggingface_hub import HfApi, hf_hub_download

    cannot = f"{repo}: no such file here, and no dataset that can be had from the Hub"
    with _had_from_the_hub(cannot, "Mend the name."):
        info = HfApi().dataset_info(repo)
        names = sorted(f.rfilename for f in info.siblings or () if f.rfilename.endswith(suffixes))
        data = [name for name in names if name.startswith("data/")] or names
        chosen = [name for name in data if name.endswith(".parquet")] or data
        paths = [
            Path(hf_hub_download(repo, name, repo_type="dataset", revision=info.sha))
            for name in chosen
        ]
    if not paths:
        raise Missing(f"{repo}: holds no Parquet or JSONL file. Name another dataset.")
    return tuple(paths)
