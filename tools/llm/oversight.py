"""What watches over the asking of a run: meter, budget, stop, and whoever hears of events."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from opencodeinstruct.tools.llm.budget import Budget
from opencodeinstruct.tools.llm.meter import Meter
from opencodeinstruct.tools.llm.routing import OnEvent, nothing
from opencodeinstruct.tools.llm.steering import EVERY
from opencodeinstruct.tools.stop import Stop


@dataclass(slots=True)
class Oversight:
    """`on_event` is told when an endpoint is taken out or comes back.

    `steer_every` are the seconds between two looks at the queue of a server.
    """

    meter: Meter = field(default_factory=Meter)
    budget: Budget = field(default_factory=Budget)
    stop: Stop = field(default_factory=Stop)
    on_event: OnEvent = nothing
    steer_every: float = EVERY
    clock: Callable[[], float] = time.monotonic
    _began: float = -1.0

    def __post_init__(self) -> None:
        """The hours of the budget count from here."""
        self._began = self.clock()

    def check(self) -> None:
        """Raise `Stopped` when nothing more is to be asked."""
        spent = self.budget.spent(self.meter, self.clock() - self._began)
        if spent is not None:
            self.stop.ask(spent)
        self.stop.check()
