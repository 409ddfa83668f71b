"""What the tests of sources share: seed files to write, and how outcomes are read."""

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from opencodeinstruct.tools.outcome import Dropped, Kept, Outcome
from opencodeinstruct.tools.sources.read import read_seeds
from opencodeinstruct.tools.stages.seeds import REASONS, Source


def function(number: int) -> str:
    return f'def f{number}(x):\n    """Add {number}."""\n    return x + {number}\n'


def read(*sources: dict[str, Any], seed: int = 0) -> list[Outcome]:
    adapter: TypeAdapter[Any] = TypeAdapter(Source)
    outcomes = list(read_seeds([adapter.validate_python(one) for one in sources], seed))
    assert all(one.reason in REASONS for one in outcomes if isinstance(one, Dropped))
    return outcomes


def origins(outcomes: list[Outcome]) -> list[str]:
    return [one.row["seed_origin"] for one in outcomes if isinstance(one, Kept)]


def dropped(outcomes: list[Outcome]) -> list[str]:
    return [one.reason for one in outcomes if isinstance(one, Dropped)]


def problems(path: Path, **more: Any) -> list[Outcome]:
    return read({"kind": "problems", "path": str(path), **more})


def code(path: Path, *, seed: int = 0, **more: Any) -> list[Outcome]:
    return read({"kind": "code", "path": str(path), **more}, seed=seed)


def tree(root: Path, files: int, functions: int) -> Path:
    for number in range(files):
        path = root / f"p{number % 3}" / f"m{number:02}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        first = number * functions
        path.write_text("\n".join(function(n) for n in range(first, first + functions)))
    return root
