"""Finished rows for tests: made from a seed, distributed as the published release is."""

import json
import random
from hashlib import blake2b
from typing import Any

import pyarrow as pa

from opencodeinstruct.builder.schema import CRITERIA, TRUST, dataset_schema, table_of

PASSED = {10: 39.24, 9: 12.32, 8: 7.91, 7: 5.12, 6: 3.63, 5: 2.72, 4: 2.41, 3: 2.05, 2: 2.01}
PASSED |= {1: 2.20, 0: 20.38}
"""Tests passed of ten: percent of the published rows."""

_WORDS = ("list", "of", "numbers", "return", "the", "sum", "count", "each", "pair", "sorted")


def finished_row(number: int, *, seed: int = 0, **changes: Any) -> dict[str, Any]:
    """One row with every column filled; the same arguments give the same row."""
    draw = random.Random(f"{seed}/{number}")
    total = draw.choices([10, 9, 8, 5, 3, 1], [80, 6, 5, 4, 3, 2])[0]
    passed = min(total, round(draw.choices(list(PASSED), list(PASSED.values()))[0] * total / 10))
    scores = [draw.choices([1, 2, 3, 4, 5], [6, 8, 14, 25, 47])[0] for _ in CRITERIA]
    return _row(draw, seed, number, passed, total, scores) | changes


def finished_rows(count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """`count` rows with different ids."""
    return [finished_row(number, seed=seed) for number in range(count)]


def finished_table(count: int, *, seed: int = 0) -> pa.Table:
    """`count` rows with different ids, as a table of exactly the dataset's columns."""
    return table_of(finished_rows(count, seed=seed), dataset_schema())


def _row(
    draw: random.Random, seed: int, number: int, passed: int, total: int, scores: list[int]
) -> dict[str, Any]:
    question = " ".join(draw.choices(_WORDS, k=max(8, int(draw.lognormvariate(4.5, 0.5)))))
    code = f"def solve_{number}(values):\n" + "    total = 0\n" * draw.randint(1, 40)
    algorithmic = draw.random() < 0.468
    evolved = draw.random() < 0.222
    verdicts = ["pass"] * passed + draw.choices(
        ["fail", "error", "timeout"], [8, 3, 1], k=total - passed
    )
    draw.shuffle(verdicts)
    generation = draw.choices([0, 1, 2, 3], [2, 4, 3, 1])[0]
    return {
        "id": blake2b(f"{seed}/{number}".encode(), digest_size=16).hexdigest(),
        "input": f"Write solve_{number}: {question}.",
        "output": f"```python\n{code}    return total\n```",
        "domain": "algorithmic" if algorithmic else "generic",
        "generation_algorithm": "evol-instruct" if evolved else "self-instruct",
        "llm_judgement": json.dumps(
            {
                name: {"score": score, "justification": "It does what is asked."}
                for name, score in zip(CRITERIA, scores, strict=True)
            }
        ),
        "unit_tests": json.dumps([f"assert solve_{number}([{n}]) == {n}" for n in range(total)]),
        "tests_execution_status": json.dumps(
            ["pass" if verdict == "pass" else "fail" for verdict in verdicts]
        ),
        "average_test_score": passed / total,
        **dict(zip(CRITERIA, scores, strict=True)),
        "judge_score": min(scores),
        "tests_passed": passed,
        "tests_total": total,
        "pass_rate": passed / total,
        "test_verdicts": verdicts,
        "test_trust": draw.choices(TRUST, [90, 4, 6])[0] if passed else "shared",
        "flaky": draw.random() < 0.01,
        "test_faults": [
            "unknown_name" if verdict == "error" and draw.random() < 0.5 else None
            for verdict in verdicts
        ],
        "contract": "call",
        "exact_group": f"{number:032x}",
        "near_group": f"{number:032x}",
        "code_group": f"{number % 7:032x}",
        "entry_point": f"solve_{number}",
        "signature": f"def solve_{number}(values):",
        "solution": code,
        "reasoning": f"I count to {number}." if number % 3 == 0 else None,
        "topic": ("strings", "arithmetic", "other")[number % 3],
        "operation": draw.choice(["add-constraint", "more-reasoning"])
        if evolved
        else ("crossover" if generation else "oss-instruct"),
        "generation": generation,
        "colony": draw.randrange(4),
        "seed_ids": [blake2b(b"%d" % draw.randrange(512), digest_size=16).hexdigest()],
        "parent_ids": [],
        "fitness": min(scores) if generation else None,
        "seed_origin": f"seeds.jsonl:{draw.randrange(512) + 1}",
        "license": draw.choice(["MIT", "Apache-2.0", "MIT AND Apache-2.0"]),
        "generator_model": "Qwen2.5-32B-Instruct" if generation else None,
        "generator_prompt": "00ff00ff00ff" if generation else None,
        "solver_model": "Qwen2.5-Coder-32B-Instruct",
        "tester_model": "Qwen2.5-Coder-32B-Instruct",
        "judge_model": "Qwen2.5-Coder-32B-Instruct",
        "prompt_version": "0123456789ab",
        "recipe_hash": "ba9876543210",
        "contamination": [
            {
                "benchmark": "humaneval",
                "item": "HumanEval/1",
                "part": "prompt",
                "column": "input",
                "score": 0.125,
                "span": "the sum of",
                "detector": "shared_ngrams",
            }
        ]
        if draw.random() < 0.3
        else [],
        "shared_ngrams": [],
        "contained_text": [],
        "same_code": [],
        "same_task": [],
        "output_tokens": len(code) // 4,
        "spent_prompt_tokens": 2_000 + draw.randrange(500),
        "spent_output_tokens": 900 + draw.randrange(500),
    }
