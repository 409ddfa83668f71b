"""Whatever models, endpoints, disks and people do: one clear line or a recorded rejection.

Never a traceback, never a row that is lost or doubled, and the same command goes on afterwards.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from opencodeinstruct.builder.schema import CRITERIA
from opencodeinstruct.tools.plan import STAGES
from tests.calling import (
    QUICK,
    adds_up,
    call,
    kept,
    of_rows,
    quick_recipe,
    rejects,
    run_folder,
    same_stages,
    stage_of,
)
from tests.endpoint import (
    CUT_BEFORE,
    CUT_MIDWAY,
    FLOOD,
    Body,
    Endpoint,
    Fault,
    Reply,
    status,
)
from tests.scripted import answer

Script = Callable[[Body], Reply]


def only(stage: str, reply: Script) -> Script:
    """Replies to the requests of `stage` as `reply`, to the others well."""
    return lambda body: reply(body) if stage_of(body) == stage else answer(body)


def every(number: int, reply: Reply) -> Script:
    """Every `number`th request of a stage gets `reply`; the trial is served."""
    lock, counts = threading.Lock(), Counter[str]()

    def script(body: Body) -> Reply:
        with lock:
            counts["asked"] += stage_of(body) != "trial"
            is_bad = stage_of(body) != "trial" and counts["asked"] % number == 0
        return reply if is_bad else answer(body)

    return script


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The hashes of all stages of a run that nothing disturbs, its dataset among them."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with Endpoint(answer) as endpoint:
        recipe = quick_recipe(folder, endpoint.base_url)
        assert call("run", recipe, "--out", folder / "run").code == 0
    yield of_rows(folder / "run")


JUDGEMENT = {name: {"score": 3, "justification": "\ud800"} for name in CRITERIA}
ODD_ANSWERS: list[Reply] = [
    "I am not sure what you mean.",
    "",
    " \n\t ",
    FLOOD,  # 40,000 tokens
    Fault(body=b'{"choices": [{"message": {"content": "\xff\xfe def"}}]}'),
    "I'm sorry, but I can't help with that.",
    '{"problem": "a \\ud800 b", "signature": "def f_\\ud800(x)"}',  # half a surrogate pair
    '{"problem": "Write `f` \\ud800 that takes x", "signature": "def f(x: int) -> int"}',
    "[" * 50_000,
    '{"a":' * 50_000,
    "```python\n" + "(" * 5_000 + "\n```",
    "```python\ndef take_2(x): return " + "-" * 50_000 + "1\n```",
    "```python\ndef take_3(x):\n    return '\0'\n```",
    "\0\x1b[2J\x1b]0;title\x07",  # it would clear the terminal
    "```python\nassert take_2('\\ud800') == 1\nassert take_2(2) == '\\ud800'\n```",
    json.dumps(JUDGEMENT),
    json.dumps({name: {"score": 10**400} for name in CRITERIA}),
    '{"requirement_conformance": {"score": ' + "9" * 5000 + "}}",
    Fault(text="def", finish_reason="length"),
    Fault(text="null", usage=False),
    '{"problems": [null, 3, {"problem": 3}]}',
    '{"problem": "", "signature": ""}',
    status(400, "the prompt is too long"),
    status(422, "no \x1b[31m"),
]


def odd_recipe(folder: Path, stage: str, base_url: str) -> Path:
    """A recipe in which `stage` asks about as often as there are odd answers."""
    code = 'def piece_{0}(items, size):\n    """Do {0} of items."""\n    return items[size:{0}]\n\n'
    pieces = len(ODD_ANSWERS) if stage == "instruct" else 2
    (folder / "code.py").write_text("".join(map(code.format, range(pieces))))
    fields = {"input": "statement", "signature": "head"}
    evolve = {
        "generations": int(stage in ("mutate", "crossover")),
        "colonies": 1,
        "children": len(ODD_ANSWERS),
        "crossover_probability": float(stage == "crossover"),
    }
    return quick_recipe(
        folder,
        base_url,
        problems=len(ODD_ANSWERS) // 2,  # an unreadable answer is asked for twice
        model={**QUICK, "base_url": base_url, "attempts": 1},
        seeds=[
            {"kind": "problems", "path": "problems.jsonl", "fields": fields},
            {"kind": "code", "path": "code.py"},
        ],
        dedup={"threshold": 1.0},
        evolve=evolve,
    )


@pytest.mark.parametrize(
    "stage", ["instruct", "mutate", "crossover", "respond", "testgen", "judge"]
)
def test_odd_answers_cost_their_rows_with_a_reason_and_nothing_else(
    tmp_path: Path, stage: str
) -> None:
    lock, left = threading.Lock(), list(ODD_ANSWERS)

    def odd(_: Body) -> Reply:
        with lock:
            left.append(left.pop(0))
            return left[-1]

    last = {"mutate": "evolve", "crossover": "evolve"}.get(stage, stage)
    with Endpoint(only(stage, odd)) as endpoint:
        recipe = odd_recipe(tmp_path, stage, endpoint.base_url)
        for name in STAGES[: STAGES.index(last) + 2]:
            ended = call(name, recipe, "--out", tmp_path / "run", "--show-rows")
            assert "\x1b" not in ended.err + ended.out  # nothing steers the terminal
            if ended.code == 3:  # a reply that is no answer says nothing about the row
                ended = call(name, recipe, "--out", tmp_path / "run", "--drop-deferred")
            assert ended.code == 0, ended.err
    adds_up(tmp_path / "run")
    assert len({row["reject_reason"] for row in rejects(tmp_path / "run", last)}) >= 2


@pytest.mark.parametrize(
    ("stage", "reason"),
    [("respond", "no_code"), ("testgen", "too_few_tests"), ("judge", "no_judgement")],
)
def test_a_run_of_which_no_row_is_left_says_where_and_why(
    tmp_path: Path, stage: str, reason: str
) -> None:
    with Endpoint(only(stage, lambda body: "That is a good question.")) as endpoint:
        recipe = quick_recipe(tmp_path, endpoint.base_url)
        ended = call("run", recipe, "--out", tmp_path / "run")
        assert ended.code == 1
        assert f"nothing left to build: `{stage}` kept no row ({reason} 3)" in ended.error
        assert call("run", recipe, "--out", tmp_path / "run").error == ended.error
    adds_up(tmp_path / "run")
    assert [row["reject_reason"] for row in rejects(tmp_path / "run", stage)] == [reason] * 3
    assert all(row["reject_evidence"] for row in rejects(tmp_path / "run", stage))
    assert not (tmp_path / "run" / "dataset").exists()


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (status(500, "the engine [/b] is dead \x1b[31m"), "HTTP 500: the engine [/b] is dead"),
        (status(503), "HTTP 503"),
        (status(302, Location="http://elsewhere/"), "it redirects to http://elsewhere/"),
        (CUT_BEFORE, "Server disconnected"),
        (Fault(body=b"<html>a proxy's page</html>"), "not JSON"),
        (None, "Cannot connect"),  # nobody listens there
    ],
)
def test_an_endpoint_that_never_works_defers_every_row(
    tmp_path: Path, reply: Fault | None, reason: str
) -> None:
    with Endpoint(lambda body: reply or "") as endpoint:
        base_url = endpoint.base_url if reply else "http://127.0.0.1:9/v1"
        recipe = quick_recipe(tmp_path, base_url)
        ended = call("run", recipe, "--out", tmp_path / "run")
    assert ended.code == 3
    (said,) = [line for line in ended.err.splitlines() if line.startswith("3 rows deferred")]
    assert "in `respond`: " in said and base_url in said and reason in said
    assert "Run the same command again" in said and "\x1b" not in ended.err
    assert not list((tmp_path / "run" / "07-respond").rglob("*.parquet"))


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (status(401, "bad key"), "refuses the login (HTTP 401: bad key)"),
        (status(403), "refuses the login (HTTP 403"),
        (status(404, "no such model"), "does not serve the model 'test-model'"),
        (status(400, "context of 16 tokens"), "refuses even a short request: context of 16 tokens"),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_an_endpoint_that_is_set_up_wrongly_ends_the_run_and_costs_no_row(
    tmp_path: Path, undisturbed: dict[str, str], reply: Fault, says: str, late: bool
) -> None:
    script = only("testgen", lambda body: reply) if late else (lambda body: reply)
    with Endpoint(script) as endpoint:
        ended = call("run", quick_recipe(tmp_path, endpoint.base_url), "--out", tmp_path / "run")
    assert ended.code == 1
    assert ("context of 16 tokens" if late and reply.status == 400 else says) in ended.error
    adds_up(tmp_path / "run")
    with Endpoint(answer) as endpoint:
        recipe = quick_recipe(tmp_path, endpoint.base_url)
        for stage in STAGES[4:]:
            if not run_folder(tmp_path / "run").stage(stage).is_complete():
                if not run_folder(tmp_path / "run").stage("seeds").is_complete():
                    break
                call(stage, recipe, "--out", tmp_path / "run")
    same_stages(tmp_path / "run", undisturbed)


@pytest.mark.parametrize(
    "script",
    [
        every(4, status(500, "for now")),
        every(4, status(429, "slow down", Retry_After="0.05")),
        every(4, CUT_BEFORE),
        every(4, CUT_MIDWAY),
        lambda body: Fault(text=str(answer(body)), delay=0.05),  # slow
    ],
)
def test_a_failure_that_passes_changes_no_byte(
    tmp_path: Path, undisturbed: dict[str, str], script: Script
) -> None:
    with Endpoint(script) as endpoint:
        model = {**QUICK, "attempts": 8, "base_url": endpoint.base_url}
        recipe = quick_recipe(tmp_path, "", model=model)
        for stage in STAGES:
            ended = call(stage, recipe, "--out", tmp_path / "run")
            assert ended.code == 0, ended.err
    same_stages(tmp_path / "run", undisturbed)
    assert run_folder(tmp_path / "run").stage("judge").is_complete()


def test_an_endpoint_that_goes_down_midway_defers_rows_and_the_same_command_completes_the_run(
    tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    lock, served = threading.Lock(), [0]

    def dying(body: Body) -> Reply:
        with lock:
            served[0] += 1
            return answer(body) if served[0] <= 9 + 2 else CUT_BEFORE  # the trial, two rows

    with Endpoint(dying) as endpoint:
        ended = call("run", quick_recipe(tmp_path, endpoint.base_url), "--out", tmp_path / "run")
    assert ended.code == 3
    assert "deferred in `respond`" in ended.err
    with Endpoint(answer) as endpoint:  # it is up again, elsewhere
        ended = call("run", quick_recipe(tmp_path, endpoint.base_url), "--out", tmp_path / "run")
        paid = Counter(json.dumps(body) for body in endpoint.requests)
    assert ended.code == 0, ended.err
    assert of_rows(tmp_path / "run") == undisturbed
    assert "2 from the journal" in ended.err and set(paid.values()) == {1}


def test_rows_whose_service_failed_can_be_dropped_for_good(tmp_path: Path) -> None:
    down = only("judge", lambda body: status(500) if "take_2" in str(body) else answer(body))
    with Endpoint(down) as endpoint:
        recipe = quick_recipe(tmp_path, endpoint.base_url)
        for stage in STAGES[:-1]:
            assert call(stage, recipe, "--out", tmp_path / "run").code == 0
        assert call("judge", recipe, "--out", tmp_path / "run").code == 3
        ended = call("judge", recipe, "--out", tmp_path / "run", "--drop-deferred")
    assert ended.code == 0
    (row,) = rejects(tmp_path / "run", "judge")
    assert (row["entry_point"], row["reject_reason"]) == ("take_2", "service_failed")
    assert "HTTP 500" in row["reject_evidence"]
    adds_up(tmp_path / "run")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty_file"),
        (b'{"statement": \n', "broken_line"),
        (b'{"other": 1}\n', "missing_field"),
        ('{"statement": "caf\xe9"}\n'.encode("latin-1"), "bad_encoding"),
        (b'{"statement": 3, "head": 4}\n', "wrong_type"),
        (b'{"statement": " ", "head": " "}\n', "empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "not_jsonl"),
    ],
)
def test_seeds_of_which_none_is_accepted_end_the_run_naming_the_rejects(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    recipe = quick_recipe(tmp_path, "http://127.0.0.1:9/v1")
    (tmp_path / "problems.jsonl").write_bytes(content)
    ended = call("run", recipe, "--out", tmp_path / "run")
    assert ended.code == 1
    assert "no seed was accepted (" in ended.error
    assert str(tmp_path / "run" / "01-seeds" / "rejects") in ended.error
    (row, *_) = rejects(tmp_path / "run", "seeds")
    assert row["reject_reason"] == reason or row["reject_reason"] in ended.error
    assert "problems.jsonl" in row["reject_evidence"]


def test_one_bad_line_among_good_seeds_is_rejected_alone(tmp_path: Path) -> None:
    recipe = quick_recipe(tmp_path, "http://127.0.0.1:9/v1")
    seeds = tmp_path / "problems.jsonl"
    good = seeds.read_bytes().splitlines(keepends=True)
    seeds.write_bytes(b"".join([good[0], b'{"statement": "caf\xe9"}\n', b"{\n", *good[1:]]))
    ended = call("seeds", recipe, "--out", tmp_path / "run")
    assert ended.code == 0
    assert len(kept(tmp_path / "run", "seeds")) == len(good)
    found = [row["reject_evidence"] for row in rejects(tmp_path / "run", "seeds")]
    assert [evidence.split(": ")[0] for evidence in found] == [
        "problems.jsonl:2",
        "problems.jsonl:3",
    ]
