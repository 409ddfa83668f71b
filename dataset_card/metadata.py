"""The card's YAML: what the Hub and `load_dataset` read.

Field names and values are those of the Hub's dataset card metadata; `dataset_info` is counted from
the shards, because a wrong row count there stops every load.
"""

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from opencodeinstruct.builder.schema import dataset_schema
from opencodeinstruct.builder.subsets import EMPTY_FILE, SUBSETS, Subset
from opencodeinstruct.dataset_card.stats import Stats

TAGS = (
    "code",
    "synthetic",
    "instruction-tuning",
    "unit-tests",
    "llm-as-a-judge",
    "opencodeinstruct",
)

HUB_LICENSES = frozenset(
    {
        "agpl-3.0",
        "apache-2.0",
        "artistic-2.0",
        "bsd-2-clause",
        "bsd-3-clause",
        "bsl-1.0",
        "cc-by-3.0",
        "cc-by-4.0",
        "cc-by-nc-4.0",
        "cc-by-nc-nd-4.0",
        "cc-by-nc-sa-4.0",
        "cc-by-nd-4.0",
        "cc-by-sa-3.0",
        "cc-by-sa-4.0",
        "cc0-1.0",
        "cdla-permissive-2.0",
        "cdla-sharing-1.0",
        "gpl-2.0",
        "gpl-3.0",
        "isc",
        "lgpl-2.1",
        "lgpl-3.0",
        "mit",
        "mpl-2.0",
        "odbl",
        "odc-by",
        "pddl",
        "unknown",
        "unlicense",
    }
)
"""Licences that the Hub knows by these names; any other is declared as `other` with a name."""


def front_matter(
    stats: Stats,
    folder: Path,
    *,
    pretty_name: str,
    license: str,
    sources: tuple[str, ...],
    subsets: tuple[Subset, ...] = SUBSETS,
) -> str:
    """The YAML of the card of the dataset in `folder`, without the `---` around it."""
    content = {
        **_license(license),
        "language": ["en", "code"],
        "task_categories": ["text-generation"],
        "tags": list(TAGS),
        "pretty_name": one_line(pretty_name),
        "size_categories": [size_category(stats.rows)],
        "source_datasets": [one_line(source) for source in sources],
        "configs": [_config(subset, stats) for subset in subsets],
        "dataset_info": [_info(subset, stats, folder) for subset in subsets],
    }
    text: str = yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000
    )
    return text


def one_line(text: str) -> str:
    """`text` on one line, without control characters and lone surrogates."""
    sound = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join("".join(one if one.isprintable() else " " for one in sound).split())


def size_category(rows: int) -> str:
    """The Hub's name for the size class of `rows`."""
    names = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")
    for place, name in enumerate(names):
        if rows < 10 ** (place + 3):
            return f"{names[place - 1]}<n<{name}" if place else "n<1K"
    return "n>1T"


def features(schema: pa.Schema) -> list[dict[str, Any]]:
    """`schema` as the features of `dataset_info`, as `datasets` writes them."""
    return [{"name": field.name, **_feature(field.type)} for field in schema]


class _Dumper(yaml.SafeDumper):
    """Writes lists that come several times in full: readers of cards do not know aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _license(text: str) -> dict[str, str]:
    known = one_line(text).lower()
    if known in HUB_LICENSES:
        return {"license": known}
    slug = re.sub(r"[^a-z0-9.]+", "-", known).strip("-.")
    return {"license": "other", "license_name": slug or "unknown"}


def _config(subset: Subset, stats: Stats) -> dict[str, Any]:
    rows = stats.subset(subset).rows
    config: dict[str, Any] = {
        "config_name": subset.name,
        "data_files": [
            {"split": "train", "path": subset.globs() if rows else [EMPTY_FILE]},
        ],
    }
    return config | ({"default": True} if subset is SUBSETS[0] else {})


def _info(subset: Subset, stats: Stats, folder: Path) -> dict[str, Any]:
    size = stats.subset(subset)
    download = size.parquet_bytes if size.rows else (folder / EMPTY_FILE).stat().st_size
    return {
        "config_name": subset.name,
        "features": features(dataset_schema()),
        "splits": [{"name": "train", "num_bytes": size.arrow_bytes, "num_examples": size.rows}],
        "download_size": download,
        "dataset_size": size.arrow_bytes,
    }


def _feature(type: pa.DataType) -> dict[str, Any]:
    if not pa.types.is_list(type):
        return {"dtype": "float64" if type == pa.float64() else str(type)}
    inner = type.value_type
    if pa.types.is_struct(inner):
        return {"list": [{"name": field.name, **_feature(field.type)} for field in inner]}
    return {"list": _feature(inner)["dtype"]}
