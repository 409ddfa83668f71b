"""The benchmarks known by name: where each lies on the Hub, its fields, and how many items it has.

A revision stands here only where several public projects pin the same one; without one, the newest
is taken and its commit told. No code of a benchmark is run, and no loading script.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PYTHON_3 = 3  # in CodeContests' list of languages


@dataclass(frozen=True, slots=True)
class Fields:
    """For each part the fields that may hold it, the first that is there; none: no such part."""

    id: tuple[str, ...] = ()
    prompt: tuple[str, ...] = ()
    solution: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    entry_point: tuple[str, ...] = ()
    date: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """A benchmark on the Hub: the files that fit `patterns` hold `items` items together."""

    repo: str
    revision: str | None
    patterns: tuple[str, ...]
    items: int
    fields: Fields


_EVALPLUS = Fields(
    id=("task_id",),
    prompt=("prompt",),
    solution=("canonical_solution", "code"),
    tests=("test", "test_list", "assertion"),
    entry_point=("entry_point",),
)
_MBPP = Fields(
    id=("task_id",),
    prompt=("text", "prompt"),
    solution=("code", "canonical_solution"),
    tests=("test_list", "test"),
    entry_point=("entry_point",),
)
_MBPP_SPLITS = ("train", "test", "validation", "prompt")

KNOWN: Mapping[str, Known] = {
    "humaneval_plus": Known(
        "evalplus/humanevalplus",
        "d32357cf319e50e9c8d8dab5ea876c72b0fd321b",
        ("data/test-*.parquet",),
        164,
        _EVALPLUS,
    ),
    "mbpp": Known(
        "google-research-datasets/mbpp",
        "4bb6404fdc6cacfda99d4ac4205087b89d32030c",
        tuple(f"full/{split}-*.parquet" for split in _MBPP_SPLITS),
        974,
        _MBPP,
    ),
    "mbpp_sanitized": Known(
        "google-research-datasets/mbpp",
        "4bb6404fdc6cacfda99d4ac4205087b89d32030c",
        tuple(f"sanitized/{split}-*.parquet" for split in _MBPP_SPLITS),
        427,
        _MBPP,
    ),
    "mbpp_plus": Known(
        "evalplus/mbppplus",
        "b2d74c91837c3f2a20c1299ae98133cbe7cfa077",
        ("data/test-*.parquet",),
        378,
        _EVALPLUS,
    ),
    "bigcodebench": Known(
        "bigcode/bigcodebench",
        "b74c0d0bf70d2c0bc459be537895cca163007f1a",
        ("data/v0.1.4-*.parquet",),
        1140,
        Fields(
            id=("task_id",),
            prompt=("complete_prompt",),
            solution=("canonical_solution",),
            tests=("test",),
            entry_point=("entry_point",),
        ),
    ),
    "livecodebench": Known(
        "livecodebench/code_generation_lite",
        "0fe84c3912ea0c4d4a78037083943e8f0c4dd505",
        ("test.jsonl", "test[2-6].jsonl"),
        1055,
        Fields(
            id=("question_id",),
            prompt=("question_content",),
            tests=("public_test_cases",),
            date=("contest_date",),
        ),
    ),
    "apps": Known(
        "codeparrot/apps",
        "21e74ddf8de1a21436da12e3e653065c5213e9d1",
        ("train.jsonl", "test.jsonl"),
        10000,
        Fields(
            id=("problem_id", "id"),
            prompt=("question",),
            solution=("solutions",),
            tests=("input_output",),
        ),
    ),
    "codecontests": Known(
        "deepmind/code_contests",
        "802411c3010cb00d1b05bad57ca77365a3c699d6",
        ("data/valid-*.parquet", "data/test-*.parquet"),
        282,
        Fields(
            id=("name",), prompt=("description",), solution=("solutions",), tests=("public_tests",)
        ),
    ),
    "ds1000": Known(
        "xlangai/DS-1000",
        "4416080ac5cb80bdf7576aefb8f9a0b4d5426a44",
        ("test.jsonl",),
        1000,
        Fields(prompt=("prompt",), solution=("reference_code",), tests=("code_context",)),
    ),
    "cruxeval": Known(
        "cruxeval-org/cruxeval",
        None,
        ("test.jsonl",),
        800,
        Fields(id=("id",), solution=("code",), tests=("input",)),
    ),
}


def text_of(value: Any) -> str:
    """A field as text: texts of a list one a line, of a list of solutions the first.

    Solutions come as a list, as its JSON, or by language; tests as inputs and outputs.
    """
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return _text_of_mapping(value)
    if isinstance(value, list | tuple):
        return "\n".join(map(text_of, value))
    return str(value)


def _text_of_mapping(value: Mapping[str, Any]) -> str:
    if "solution" in value and "language" in value:
        pairs = list(zip(value["language"], value["solution"], strict=True))
        python = [code for language, code in pairs if language == PYTHON_3]
        return str(python[0]) if python else ""
    return "\n".join(text_of(part) for part in value.values())


def first_solution(text: str) -> str:
    """Of solutions in a JSON list the first; any other text as it is."""
    if not text.startswith("["):
        return text
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text_of(found[0]) if isinstance(found, list) and found else ""
