"""A scripted model: every answer is a pure function of the request, so runs can be compared.

It plays all roles of the pipeline, now and then badly: nonsense, an empty answer, a wrong solution,
a copied question.
"""

import json
import re
from hashlib import blake2b
from random import Random
from typing import Any

from tests.endpoint import Fault

WORDS = """
    amber basin cedar delta ember fjord grove harbor island jungle kettle lagoon meadow needle
    orchard pebble quarry ribbon saddle timber umbrella valley walnut yarrow zephyr anchor bridge
    candle drawer engine fabric garden hammer insect jacket ladder magnet nutmeg oyster pillow
""".split()  # noqa: SIM905  (a list of strings is no easier to read)


def answer(body: dict[str, Any]) -> str:
    """The scripted answer to the request `body`."""
    system = body["messages"][0]["content"]
    question = body["messages"][-1]["content"]
    text = json.dumps([body["messages"], body.get("seed")])
    random = Random(blake2b(text.encode(), digest_size=8).digest())
    if random.random() < 0.05:
        return random.choice(
            ["", "I am not sure what you mean.", '{"problem": 3}', "```\n???\n```"]
        )
    if "reviewer" in system:
        return _judgement(random)
    if "careful Python programmer" in system:
        return _solution(question, random)
    if "write unit tests" in system:
        return _tests(question)
    problem = _problem(random)
    return json.dumps({"problems": [problem]} if "invent new" in system else problem)


def _problem(random: Random) -> dict[str, str]:
    factor, offset = random.randint(2, 99), random.randint(1, 99)
    name = f"scaled_{factor}_{offset}_{random.choice(WORDS)}"
    story = " ".join(random.sample(WORDS, 24))
    return {
        "signature": f"def {name}(x: int) -> int",
        "problem": f"The story is about {story}. Write a function `{name}` that takes an integer "
        f"`x` and returns it multiplied by {factor} with {offset} added to the product.",
        "idea": story,
        "difference": story,
    }


def _parameters(question: str) -> tuple[str, int, int]:
    found = re.search(r"def (scaled_(\d+)_(\d+)_\w+)\(", question)
    if found is None:  # a question that the script did not write
        name = re.search(r"def (\w+)\(", question)
        return (name[1] if name else "unknown", 1, 0)
    return found[1], int(found[2]), int(found[3])


def _solution(question: str, random: Random) -> str:
    name, factor, offset = _parameters(question)
    if random.random() < 0.2:
        offset += 1  # a wrong solution
    return (
        f"Here it is:\n\n```python\ndef {name}(x, *rest):\n"
        f"    return x * {factor} + {offset}\n```\n\n"
        f"It multiplies and adds.\n\n```python\nprint({name}(1))\n```\n"
    )


def _tests(question: str) -> str:
    name, factor, offset = _parameters(question)
    lines = [f"assert {name}({x}) == {x * factor + offset}" for x in range(-2, 6)]
    return "```python\n" + "\n".join(lines) + "\n```"


def _judgement(random: Random) -> str:
    return json.dumps(
        {
            criterion: {
                "justification": f"As {random.choice(WORDS)}.",
                "score": random.randint(3, 5),
            }
            for criterion in (
                "requirement_conformance",
                "logical_correctness",
                "edge_case_consideration",
            )
        }
    )


def slow_answer(body: dict[str, Any]) -> Any:
    """The same answer after a while, 0.2 to 0.6 s, that depends on the request alone."""
    text = json.dumps(body["messages"])
    return Fault(text=answer(body), delay=0.2 + 0.4 * Random(text).random())
