"""Which planted copies of HumanEval are found, at what cost, and what rewording hides.

    python -m benchmarks.decontaminate [--json PATH] [--data FOLDER] [--decon PYTHON]
        [--datatrove PYTHON]

Twelve kinds of copies of each problem are put among documents of real text; each method runs as a
process of its own from a file to a file, and its CPU seconds and peak memory are those of the whole
process. `--decon` names a Python (3.12 or later) that has PyPI's `decontaminate`, `--datatrove` one
that has datatrove; what is not there is said and left out. With `--data`, a folder with
`contamination/` and `instructions/`, recall on published rewordings is measured, too.
"""

import argparse
import csv
import gzip
import json
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.machine import machine_facts
from benchmarks.real_text import documents, pieces
from benchmarks.whole_process import Cost, cost_of
from opencodeinstruct.tools.benchmarks.load import humaneval_file, load_benchmark
from opencodeinstruct.tools.text.matches import DETECTORS
from opencodeinstruct.tools.text.planting import KINDS, plant

_PEERS = Path(__file__).parent / "peers"
_MODULES = {"decon": "decon", "datatrove": "datatrove.pipeline.decont"}
_ROWS = 50_000  # of one group of rows in the files


@dataclass(slots=True)
class Method:
    """What one method found: recall by kind of copy, and rows flagged that hold no copy."""

    name: str
    cost: Cost
    recall: dict[str, float] = field(default_factory=dict)
    false_flags: int = 0


def measured(command: list[str]) -> Cost:
    """Run `command` and measure it; it is an error if it fails."""
    with TemporaryDirectory() as folder:
        return cost_of(" ".join(command[:4]), command, Path(folder) / "log")


def write(path: Path, texts: Iterable[str]) -> int:
    """Write `texts` as the column `text` of a Parquet file; how many there were."""
    schema, count = pa.schema([("text", pa.string())]), 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        batch: list[str] = []
        for text in texts:
            batch.append(text)
            if len(batch) == _ROWS:
                writer.write_table(pa.table({"text": batch}, schema))
                count, batch = count + len(batch), []
        writer.write_table(pa.table({"text": batch}, schema))
    return count + len(batch)


def ours(source: Path, out: Path, against: str = "humaneval") -> Cost:
    """Our command over the file `source`."""
    command = [sys.executable, "-m", "opencodeinstruct.tools", "contamination", str(source)]
    return measured([*command, "--field", "text", "--against", against, "--out", str(out)])


def flagged(out: Path) -> dict[str, set[int]]:
    """The rows that each detector, and any, flagged."""
    rows: dict[str, set[int]] = {name: set() for name in ("any", *DETECTORS)}
    with (out / "rows.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            match = json.loads(line)
            rows["any"].add(match["row"])
            rows[match["detector"]].add(match["row"])
    return rows


def copies(filler: list[str]) -> list[tuple[str, str]]:
    """Each kind of copy of each problem of HumanEval: the kind and the text."""
    items, draw = load_benchmark("humaneval").items, random.Random(5)
    return [(kind, text) for kind in KINDS for _, text in plant(items, kind, draw, filler)]


def scored(name: str, cost: Cost, rows: set[int], kinds: dict[int, str]) -> Method:
    """`rows` were flagged; `kinds` are the planted rows."""
    method = Method(name, cost, false_flags=len(rows - kinds.keys()))
    for kind in KINDS:
        own = {row for row, its in kinds.items() if its == kind}
        method.recall[kind] = len(own & rows) / len(own)
    return method


def installed(asked: dict[str, str | None]) -> dict[str, str]:
    """The peers that can be run, by the Python that each has; of the others it is said why not."""
    there: dict[str, str] = {}
    for name, python in asked.items():
        if python is None:
            _say(f"left out: {name} (--{name} names a Python that has it)")
        elif not _imports(python, _MODULES[name]):
            _say(f"left out: {name} ({python} cannot import {_MODULES[name]})")
        else:
            there[name] = python
    return there


def _imports(python: str, module: str) -> bool:
    try:
        done = subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def planted(count: int, of: list[str], folder: Path, peers: dict[str, str]) -> list[Method]:
    """The methods on `count` documents and the copies among them."""
    texts: list[tuple[str | None, str]] = [(None, text) for text in documents(count, 1, of)]
    texts += copies([text for _, text in texts[:500]])
    random.Random(9).shuffle(texts)
    kinds = {row: kind for row, (kind, _) in enumerate(texts) if kind is not None}
    source = folder / "planted.parquet"
    write(source, (text for _, text in texts))
    ours(source, folder / "warm")  # the kernels are compiled once on a machine
    cost = ours(source, folder / "ours")
    found = flagged(folder / "ours")
    methods = [scored("all detectors", cost, found["any"], kinds)]
    methods += [scored(name, cost, found[name], kinds) for name in DETECTORS]
    if "decon" in peers:
        _for_decon(folder, [text for _, text in texts])
        for name, threshold, what in (("decon", "0.8", "all"), ("decon, .5", "0.5", "questions")):
            methods.append(_decon(name, peers["decon"], folder, (threshold, what), kinds))
    if "datatrove" in peers:
        for name, what in (("datatrove", "answers"), ("datatrove, prompts too", "all")):
            methods.append(_datatrove(name, peers["datatrove"], source, what, kinds))
    return methods


def _datatrove(name: str, python: str, source: Path, what: str, kinds: dict[int, str]) -> Method:
    items, out = source.with_name("items.jsonl"), source.with_name(f"datatrove-{what}")
    with items.open("w", encoding="utf-8") as lines:
        for item in load_benchmark("humaneval").items:
            lines.write(json.dumps({"prompt": item.prompt, "solution": item.solution}) + "\n")
    script = str(_PEERS / "datatrove_ngrams.py")
    cost = measured([python, script, str(source), str(items), str(out), what])
    numbers = (out / "flagged.txt").read_text(encoding="utf-8").split()
    return scored(name, cost, {int(number) for number in numbers}, kinds)


def _for_decon(folder: Path, texts: list[str]) -> None:
    (folder / "training").mkdir()
    (folder / "evals").mkdir()
    with (folder / "training/rows.jsonl").open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps({"text": text}) + "\n" for text in texts)
    with (folder / "evals/humaneval.jsonl").open("w", encoding="utf-8") as lines:
        for number, item in enumerate(load_benchmark("humaneval").items):
            record = {
                "eval_key": "humaneval",
                "eval_instance_index": number,
                "split": "test",
                "question": item.prompt,
                "answer": item.solution,
                "config": "default",
                "fingerprint": item.id,
                "is_correct": True,
                "doc_id": number,
            }
            lines.write(json.dumps(record) + "\n")


def _decon(
    name: str, python: str, folder: Path, options: tuple[str, str], kinds: dict[int, str]
) -> Method:
    report = folder / name.replace(" ", "")
    places = [str(folder / "training"), str(folder / "evals"), str(report)]
    cost = measured([python, str(_PEERS / "decon_detect.py"), *places, *options])
    rows = {
        int(json.loads(line)["training_line"])
        for path in report.glob("*.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    }
    return scored(name, cost, rows, kinds)


def scale(sizes: list[int], of: list[str], folder: Path) -> list[dict[str, float]]:
    """Documents a second and memory at each of `sizes`."""
    results = []
    for size in sizes:
        source = folder / f"{size}.parquet"
        write(source, documents(size, 2, of))
        cost = ours(source, folder / f"scale-{size}")
        source.unlink()
        results.append({"documents": size, "docs_per_second": size / cost.wall, **asdict(cost)})
    return results


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def quality(data: Path, folder: Path) -> list[dict[str, Any]]:
    """Recall by detector on published rewordings, each set among unrelated rows."""
    known = data / "contamination"
    sets: dict[str, tuple[str, list[str]]] = {
        "reworded by a model": (
            "humaneval",
            [row["text"] for row in _lines(known / "llm_decontaminator/humaneval_python.jsonl.gz")],
        )
    }
    for path in sorted((known / "recode").glob("*.jsonl.gz")):
        name = path.name.removeprefix("humaneval_").removesuffix("_s0.jsonl.gz")
        sets[f"ReCode {name}"] = ("humaneval", [row["prompt"] for row in _lines(path)])
    mbpp = data / "benchmarks/mbpp/MBPP.jsonl.gz"
    with gzip.open(
        known / "soft_contamination/mbpp_train_filtered.csv.gz", "rt", encoding="utf-8", newline=""
    ) as lines:
        rows = list(csv.DictReader(lines))
    for part in ("prompt", "code"):
        sets[f"MBPP told anew, {part}"] = (f"mbpp={mbpp}", [row[part] for row in rows])
    others = [f"{row['instruction']}" for row in _lines_of_json(data)]
    return [
        _quality(name, against, texts, others, folder) for name, (against, texts) in sets.items()
    ]


def _lines_of_json(data: Path) -> list[dict[str, Any]]:
    with gzip.open(data / "instructions/gpteacher/codegen-instruct.json.gz") as file:
        rows: list[dict[str, Any]] = json.load(file)
    return rows


def _quality(
    name: str, against: str, texts: list[str], others: list[str], folder: Path
) -> dict[str, Any]:
    source, out = folder / "quality.parquet", folder / "quality"
    write(source, [*texts, *others])
    ours(source, out, against)
    own = set(range(len(texts)))
    rows = flagged(out)
    found = {detector: len(its & own) / len(own) for detector, its in rows.items()}
    unrelated = len(rows["any"] - own)
    return {"set": name, "copies": len(texts), **found, "unrelated flagged": unrelated}


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _print_planted(methods: list[Method]) -> None:
    _say("| kind of copy | " + " | ".join(method.name for method in methods) + " |")
    _say("|---" * (len(methods) + 1) + "|")
    for kind in KINDS:
        _say(f"| {kind} | " + " | ".join(f"{m.recall[kind]:.3f}" for m in methods) + " |")
    for name, told in (
        ("false flags", [f"{m.false_flags}" for m in methods]),
        ("CPU s", [f"{m.cost.cpu:.1f}" for m in methods]),
        ("peak MB", [f"{m.cost.peak / 1e6:,.0f}" for m in methods]),
    ):
        _say(f"| {name} | " + " | ".join(told) + " |")


def _print_rows(rows: list[dict[str, Any]]) -> None:
    if rows:
        _say("\n| " + " | ".join(rows[0]) + " |\n" + "|---" * len(rows[0]) + "|")
    for row in rows:
        told = (f"{v:,.3f}" if isinstance(v, float) else f"{v}" for v in row.values())
        _say("| " + " | ".join(told) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.decontaminate")
    parser.add_argument("--json", type=Path, metavar="PATH")
    parser.add_argument("--data", type=Path, metavar="FOLDER")
    for name in _MODULES:
        parser.add_argument(f"--{name}", metavar="PYTHON")
    parser.add_argument("--documents", type=int, default=150_000)
    parser.add_argument("--sizes", default="100000,1000000,5000000")
    given = parser.parse_args()
    humaneval_file()  # an error here, not after minutes
    peers = installed({name: getattr(given, name) for name in _MODULES})
    of = pieces()
    with TemporaryDirectory(prefix="decontaminate-") as place:
        folder = Path(place)
        methods = planted(given.documents, of, folder, peers)
        _print_planted(methods)
        known = quality(given.data, folder) if given.data else []
        _print_rows(known)
        sizes = [int(size) for size in given.sizes.split(",") if size]
        grown = scale(sizes, of, folder)
        _print_rows(list(grown))
    if given.json:
        result = {
            "machine": machine_facts(),
            "documents": given.documents,
            "planted": [asdict(method) for method in methods],
            "quality": known,
            "scale": grown,
        }
        given.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
