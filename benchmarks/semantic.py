"""How often vectors propose the right problem for a question that a model told anew.

    python -m benchmarks.semantic --data FOLDER --model MODEL [--json PATH]

Questions that are a problem of HumanEval or MBPP under other words, and instructions that have
nothing to do with either, are set beside the benchmark's problems by the vectors of `MODEL`. Told
are the share whose own problem comes first, or among the first three or ten; and, for thresholds
of the cosine, the share whose own problem is among the three that a judge would be asked about,
what that adds to the other detectors, and how many unrelated rows and questions it costs. No
judge is asked: this is what one could find at best.
"""

import argparse
import csv
import gzip
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from benchmarks.machine import machine_facts
from opencodeinstruct.tools.benchmarks.load import load_benchmark
from opencodeinstruct.tools.llm.embedding import embedder
from opencodeinstruct.tools.ports import Embed
from opencodeinstruct.tools.stages.decontaminate import DecontaminateSettings, find, survey
from opencodeinstruct.tools.stages.paraphrase import (
    Candidate,
    SemanticSettings,
    known_problems,
    nearest,
)
from opencodeinstruct.tools.text.benchmark import Benchmark
from opencodeinstruct.tools.text.benchmark_index import index_benchmarks

THRESHOLDS = (0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8)
_FIRST = (1, 3, 10)
_ASKED = 3  # problems that a judge is asked about, as by default
_QUOTES = re.compile(r'"""|\'\'\'')


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """What a threshold finds and costs.

    `found`: share of the questions whose own problem is proposed; `added`: share that no other
    detector flagged and whose own problem is proposed. `unrelated`: share of unrelated rows with
    a candidate; `asked`: questions to the judge for each unrelated row.
    """

    threshold: float
    found: float
    added: float
    unrelated: float
    asked: float


@dataclass(frozen=True, slots=True)
class Result:
    """One set: its size, what the other detectors flag, and what vectors propose."""

    name: str
    questions: int
    flagged: float
    first: dict[int, float]
    at: tuple[AtThreshold, ...]


def question_of(code: str) -> str:
    """`code` up to the end of its last docstring: a problem without its solution."""
    ends = [found.end() for found in _QUOTES.finditer(code)]
    return code[: ends[-1]] if ends else code


def measured(
    name: str,
    benchmark: Benchmark,
    questions: Sequence[tuple[str, str]],
    others: Sequence[str],
    embed: Embed,
) -> Result:
    """The figures for `questions`, each with the id of its own problem, and for unrelated rows."""
    texts = [text for text, _ in questions]
    wide = SemanticSettings(model="any", threshold=1e-9, candidates=20)
    known = known_problems([benchmark], embed)
    near = nearest(texts, known, embed, wide)
    far = nearest(others, known, embed, wide)
    ranks = [_rank(its, own) for its, (_, own) in zip(near, questions, strict=True)]
    flagged = _flagged(texts, others, benchmark)
    at = []
    for threshold in THRESHOLDS:
        proposed = {
            number
            for number, rank in enumerate(ranks)
            if rank < _ASKED and near[number][rank].cosine >= threshold
        }
        asked = [sum(one.cosine >= threshold for one in its[:_ASKED]) for its in far]
        at.append(
            AtThreshold(
                threshold,
                len(proposed) / len(texts),
                len(proposed - flagged) / len(texts),
                sum(map(bool, asked)) / len(others),
                sum(asked) / len(others),
            )
        )
    first = {count: sum(rank < count for rank in ranks) / len(texts) for count in _FIRST}
    return Result(name, len(texts), len(flagged) / len(texts), first, tuple(at))


def _rank(its: Sequence[Candidate], own: str) -> int:
    """The place of the problem `own` among `its`, from 0; a large number where it is not there."""
    places = [place for place, one in enumerate(its) if one.problem.item == own]
    return places[0] if places else sys.maxsize


def _flagged(texts: Sequence[str], others: Sequence[str], benchmark: Benchmark) -> set[int]:
    """The numbers of `texts` that the other detectors flag, among `others`."""
    table = pa.table({"input": [*texts, *others]})
    settings = DecontaminateSettings(columns=("input",))
    found = find(table, survey([table], index_benchmarks([benchmark]), settings), settings)
    return {row for row, its in found.items() if row < len(texts) and its[0].match.counts}


def humaneval_reworded(data: Path, benchmark: Benchmark) -> list[tuple[str, str]]:
    """HumanEval's problems as a model reworded them, line `i` being problem `i`."""
    path = data / "contamination/llm_decontaminator/humaneval_python.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        texts = [question_of(json.loads(line)["text"]) for line in lines if line.strip()]
    return [(text, item.id) for text, item in zip(texts, benchmark.items, strict=True)]


def mbpp_told_anew(data: Path, benchmark: Benchmark) -> list[tuple[str, str]]:
    """Problems that are the same as one of MBPP in meaning."""
    path = data / "contamination/soft_contamination/mbpp_train_filtered.csv.gz"
    numbers = {re.sub(r"\D", "", item.id): item.id for item in benchmark.items}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        return [(row["prompt"], numbers[row["task_id"]]) for row in csv.DictReader(lines)]


def unrelated(data: Path) -> list[str]:
    """Instructions about code that were not made from either benchmark."""
    with gzip.open(data / "instructions/gpteacher/codegen-instruct.json.gz") as file:
        return [row["instruction"] for row in json.load(file)]


def _say(results: Sequence[Result]) -> None:
    lines = []
    for one in results:
        first = ", ".join(f"first {count}: {share:.3f}" for count, share in one.first.items())
        lines += [f"\n{one.name}: {one.questions}; other detectors: {one.flagged:.3f}; {first}\n"]
        lines += ["| cosine | found | added | unrelated | asked of each |", "|---|---|---|---|---|"]
        lines += [
            f"| {at.threshold:.2f} | {at.found:.3f} | {at.added:.3f} | {at.unrelated:.4f} | "
            f"{at.asked:.4f} |"
            for at in one.at
        ]
    sys.stdout.write("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.semantic")
    parser.add_argument("--data", type=Path, metavar="FOLDER", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--json", type=Path, metavar="PATH")
    given = parser.parse_args()
    embed, others = embedder(given.model), unrelated(given.data)
    humaneval = load_benchmark("humaneval")
    path = given.data / "benchmarks/mbpp/MBPP.jsonl.gz"
    mbpp = load_benchmark({"name": "mbpp", "path": str(path)})
    sets = (
        ("HumanEval reworded by a model", humaneval, humaneval_reworded(given.data, humaneval)),
        ("MBPP told anew", mbpp, mbpp_told_anew(given.data, mbpp)),
    )
    results = [measured(name, its, questions, others, embed) for name, its, questions in sets]
    _say(results)
    if given.json:
        told = {
            "machine": machine_facts(),
            "model": given.model,
            "unrelated": len(others),
            "results": [asdict(result) for result in results],
        }
        given.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
