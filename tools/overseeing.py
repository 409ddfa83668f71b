"""What watches over a run from outside its stages: budgets, signals, the log, the metrics page."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field

from opencodeinstruct.builder.errors import Missing
from opencodeinstruct.tools.event_log import EventLog
from opencodeinstruct.tools.llm.budget import Budget
from opencodeinstruct.tools.llm.ledger import ledger
from opencodeinstruct.tools.llm.meter import Meter, Spent
from opencodeinstruct.tools.llm.metrics_page import metrics_page
from opencodeinstruct.tools.llm.oversight import Oversight
from opencodeinstruct.tools.ports import Stopped
from opencodeinstruct.tools.recipe import ROLES
from opencodeinstruct.tools.session import Session
from opencodeinstruct.tools.stop import Stop
from opencodeinstruct.tools.usage import prices_of, usd_of

EVERY = 10.0  # seconds between two lines of rates in the log
_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}  # as shells have them

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a run may go, and the port on which it can be watched."""

    budget: Budget = field(default_factory=Budget)
    metrics_port: int | None = None


@dataclass(frozen=True, slots=True)
class Overseen:
    """A run that is watched over; `log` is a watch of its stages."""

    oversight: Oversight
    log: EventLog


@asynccontextmanager
async def overseeing(session: Session, bounds: Bounds, say: Say) -> AsyncIterator[Overseen]:
    """Watch over the run of `session` while the body runs; `say` tells the user something."""
    models = {role: session.recipe.model_for(role) for role in ROLES}
    meter = Meter(prices={role: model.price for role, model in models.items()})
    meter.before = spent_before(session)
    async with AsyncExitStack() as stack:
        log = stack.enter_context(EventLog(session.folder.path / "events.jsonl"))
        over = Oversight(meter, bounds.budget, on_event=log.write)
        stack.enter_context(_stopped_by_signals(over.stop, meter, say))
        if bounds.budget.hours is not None:
            seconds = max(bounds.budget.hours * 3600, 0.0)
            timer = asyncio.get_running_loop().call_later(seconds, _check, over)
            stack.callback(timer.cancel)
        if bounds.metrics_port is not None:
            port = await stack.enter_async_context(metrics_page(meter, bounds.metrics_port))
            say(f"Counts for Prometheus: http://127.0.0.1:{port}/metrics")
        log.write("run_started", {"recipe_hash": session.recipe_hash})
        stack.enter_context(_logged_at_the_end(log, over))
        ticking = asyncio.create_task(_tick(log, meter))
        stack.callback(ticking.cancel)
        yield Overseen(over, log)


def spent_before(session: Session) -> Spent:
    """What former processes of the run paid, by today's prices."""
    spent = Spent()
    prices = prices_of(session.recipe.model_for(role) for role in ROLES)
    if not session.folder.journal.exists():
        return spent
    with suppress(Missing), ledger(session.folder.journal) as book:
        for total in book.totals():
            spent.answers += total.answers
            spent.prompt_tokens += total.prompt_tokens
            spent.cached_tokens += total.cached_tokens
            spent.output_tokens += total.completion_tokens
            spent.usd += usd_of(total, prices)
    return spent


def _check(over: Oversight) -> None:
    with suppress(Stopped):
        over.check()


async def _tick(log: EventLog, meter: Meter) -> None:
    while True:
        await asyncio.sleep(EVERY)
        log.write("rates", {**log.progress(), **meter.facts()})


@contextmanager
def _logged_at_the_end(log: EventLog, over: Oversight) -> Iterator[None]:
    """Write how the run ended, and the counts of this process."""
    how = "ended"
    try:
        yield
    except BaseException as error:
        how = type(error).__name__
        raise
    finally:
        stopped = over.stop.stopped
        why = {"why": str(stopped)} if stopped is not None else {}
        log.write("run_ended", {"how": how, **why, **over.meter.facts()})


@contextmanager
def _stopped_by_signals(stop: Stop, meter: Meter, say: Say) -> Iterator[None]:
    """Ctrl-C or SIGTERM ask for the end; the second one is the end, whatever is under way."""
    loop = asyncio.get_running_loop()
    received: list[int] = []

    def ask(number: int) -> None:
        if meter.in_flight:
            say(f"Stopping; {meter.in_flight} requests come to their end. Ctrl-C cuts them off.")
        stop.ask(
            Stopped(
                "Stopped. Run the same command again to continue.",
                code=_CODES[signal.Signals(number)],
            )
        )

    def handle(number: int, _: object) -> None:
        received.append(number)
        if len(received) > 1:
            raise KeyboardInterrupt
        loop.call_soon_threadsafe(ask, signal.Signals(number))

    before = {}
    with suppress(ValueError):  # signals reach the main thread only; elsewhere nobody can send one
        for number in _CODES:
            before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
