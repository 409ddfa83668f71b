"""EvalPlus: `untrusted_check`, a child and shared memory for each sample.

Used as its own `evaluate` does, from a pool of processes and with `fast_check`. It compares what a
function returns with what is expected; here the function runs the tests and returns True. Its time
limit is wall time.
"""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from evalplus.eval import untrusted_check

from benchmarks.harness import Case, Harness, Method, Seen, Setting, version_of

CHECK = """{code}
def _benchmark_tests():
    exec({test!r}, globals())
    return True
"""


def one(case: Case, seconds: float) -> Seen:
    """The verdict of `untrusted_check` on `case`; in a process of the pool."""
    status, _ = untrusted_check(
        dataset="humaneval",
        code=CHECK.format(code=case.code, test=case.after),
        inputs=[[]],
        entry_point="_benchmark_tests",
        expected=[True],
        atol=0,
        ref_time=[0.0],
        fast_check=True,
        min_time_limit=seconds,
    )
    return Seen(status == "pass", "" if status == "pass" else str(status))


@contextmanager
def opened(setting: Setting) -> Iterator[Harness]:
    """A pool of `workers` processes that have EvalPlus loaded."""
    fork = multiprocessing.get_context("fork")
    multiprocessing.set_start_method("fork", force=True)  # what it was written for
    with ProcessPoolExecutor(setting.workers, mp_context=fork) as pool:

        def run(cases: Sequence[Case], done: Callable[[], None]) -> list[Seen]:
            futures = [pool.submit(one, case, setting.seconds) for case in cases]
            for future in futures:
                future.add_done_callback(lambda _: done())
            return [future.result() for future in futures]

        yield run


METHOD = Method(
    version=lambda: version_of("evalplus"),
    open=opened,
)
