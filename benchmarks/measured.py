"""A harness in a process of its own, told what to do through a pipe: `session.py` is the other end.

A program: `python -m benchmarks.measured METHOD SETTING`. Orders come as lines of JSON on stdin,
news go as lines of JSON to what was stdout at the start; both are out of the programs' sight.

    -> news {"ready": version}
    <- {"load": [case, ...]}                            -> {"loaded": n}
    <- {"run": [first, count]}  cases count round       -> {"done": n} ..., {"ran": seconds}
    <- {"tell": true}                                   -> {"seen": [[passed, why, seconds, trust]]}
"""

import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import astuple
from typing import Any, TextIO

from benchmarks.harness import Case, Harness, Seen, Setting
from benchmarks.methods import method_of

EVERY = 20  # cases to one line of news


def main() -> None:
    """Obey until stdin ends."""
    name, setting = sys.argv[1], json.loads(sys.argv[2])
    orders, news = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(nowhere, standard)

    def say(**what: Any) -> None:
        news.write(json.dumps(what) + "\n")
        news.flush()

    try:
        method = method_of(name)
        version = method.version()
        setting["packages"] = tuple(setting["packages"])
        with method.open(Setting(**setting)) as harness:
            say(ready=version)
            obey(harness, orders, say)
    except ImportError as error:
        say(missing=f"the package {error.name} is absent ({error})")


def obey(harness: Harness, orders: TextIO, say: Callable[..., None]) -> None:
    """Carry out one order after another."""
    cases: list[Case] = []
    seen: list[Seen] = []
    for line in orders:
        ((order, given),) = json.loads(line).items()
        if order == "load":
            cases = [Case(**{**one, "packages": tuple(one["packages"])}) for one in given]
            say(loaded=len(cases))
        elif order == "run":
            first, count = given
            chosen = [cases[(first + index) % len(cases)] for index in range(count)]
            began = time.monotonic()
            seen = harness(chosen, counting(say))
            say(ran=time.monotonic() - began)
        else:
            say(seen=[astuple(one) for one in seen])


def counting(say: Callable[..., None]) -> Callable[[], None]:
    """A function to call after each case, from any thread; says how many there were, at times."""
    numbers, one_at_a_time = itertools.count(1), threading.Lock()

    def done() -> None:
        if next(numbers) % EVERY == 0:
            with one_at_a_time:
                say(done=EVERY)

    return done


if __name__ == "__main__":
    main()
