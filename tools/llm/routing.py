"""Which of several endpoints a request goes to, and who waits while none has room.

The one with the least under way for its weight, of those that are up and below their limits.
Whoever waits is served in the order of coming. Pools with an endpoint in common share its limit.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from opencodeinstruct.builder.errors import ServiceError
from opencodeinstruct.tools.llm.endpoint import Endpoint
from opencodeinstruct.tools.llm.health import Health
from opencodeinstruct.tools.llm.protocol import Failed
from opencodeinstruct.tools.ports import Stopped
from opencodeinstruct.tools.stop import again

OnEvent = Callable[[str, dict[str, object]], None]
"""Told what an endpoint came to: a word, and what there is to know of it."""


def nothing(kind: str, facts: dict[str, object]) -> None:
    """Ignore an event."""


@dataclass(slots=True)
class Member:
    """An endpoint as pools share it: how it fares, and which pools to wake when it has room."""

    endpoint: Endpoint
    health: Health = field(default_factory=Health)
    pools: list["Pool"] = field(default_factory=list)
    on_event: OnEvent = nothing

    def has_room(self, now: float) -> bool:
        """Whether it may be given a request now."""
        endpoint = self.endpoint
        return (
            endpoint.open < endpoint.limit.level
            and now >= endpoint.quiet_until
            and self.health.takes(now)
        )

    def next_look(self, now: float) -> float | None:
        """Seconds until time alone may give it room; None where only an answer can."""
        times = [self.endpoint.quiet_until]
        if self.health.down and not self.health.on_trial:
            times.append(self.health.trial_at)
        left = max(times) - now
        return left if left > 0 else None

    def succeeded(self) -> None:
        """Note an answer."""
        self.endpoint.limit.served(self.endpoint.open)
        if self.health.served(self.endpoint.clock()):
            self.endpoint.limit.restart()
            self.on_event("endpoint_back", {"endpoint": self.endpoint.base_url})

    def failed(self, failed: Failed, *, began: float, was_trial: bool) -> None:
        """Note an attempt without an answer."""
        now = self.endpoint.clock()
        if failed.busy or failed.timed_out:
            self.endpoint.limit.overloaded(began, now)
        if failed.busy:
            self.health.was_busy(now)
            self.health.on_trial = self.health.on_trial and not was_trial
            return
        if self.health.failed(str(failed), now, was_trial=was_trial):
            facts: dict[str, object] = {"endpoint": self.endpoint.base_url, "why": str(failed)}
            self.on_event("endpoint_down", facts)

    def release(self) -> None:
        """One request fewer is under way: the pools, in turn, may have the place."""
        self.endpoint.open -= 1
        self.wake()

    def wake(self) -> None:
        """Let the pools look whether someone who waits can go on; each is first now and then."""
        self.pools.append(self.pools.pop(0))
        for pool in list(self.pools):
            pool.wake()


@dataclass(frozen=True, slots=True)
class Place:
    """A place at an endpoint, taken by one attempt; `trial` says that the endpoint was down."""

    member: Member
    trial: bool
    began: float


class Pool:
    """The endpoints that serve one model, each with its weight."""

    def __init__(self, members: Sequence[tuple[Member, float]], *, patience: float) -> None:
        self._members, self._patience = list(members), patience
        self._waiting: deque[tuple[asyncio.Future[Place], Member | None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._stopped: Stopped | None = None
        self._clock = self._members[0][0].endpoint.clock
        for member, _ in self._members:
            member.pools.append(self)

    async def take(self, avoid: Member | None = None) -> Place:
        """A place, when there is one; not at `avoid`, where another has room.

        Raises `ServiceError` when no endpoint is there that is worth waiting for.
        """
        if self._stopped is not None:
            raise again(self._stopped)
        if not self._waiting:
            best = self._best(avoid)
            if best is not None:
                return self._taken(best)
        self._check_hope()
        future: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        self._waiting.append((future, avoid))
        self._look_again()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                future.result().member.release()  # it was ours already
            raise

    def wake(self) -> None:
        """Give places to those who wait, as far as there are any."""
        while self._waiting:
            future, avoid = self._waiting[0]
            if future.done():
                self._waiting.popleft()
                continue
            best = self._best(avoid)
            if best is None:
                break
            self._waiting.popleft()
            future.set_result(self._taken(best))
        if self._waiting:
            self._look_again()

    def stop(self, stopped: Stopped) -> None:
        """Give no place any more: those who wait are told so, too."""
        self._stopped = stopped
        self._fail_waiting(lambda: again(stopped))
        self.close()

    def close(self) -> None:
        """Wake nobody later on."""
        if self._timer is not None:
            self._timer.cancel()

    def why_not(self) -> str:
        """What is wrong with the endpoints, as a sentence of the error for it."""
        told = [f"{m.endpoint.base_url} gives no answer ({_cause(m)})" for m, _ in self._members]
        return f"{'; '.join(told)}. Run the same command again when it works."

    def _best(self, avoid: Member | None) -> Member | None:
        now = self._clock()
        open_for = [(m, weight) for m, weight in self._members if m.has_room(now)]
        if len(open_for) < 2:
            return open_for[0][0] if open_for else None

        def load(one: tuple[Member, float]) -> tuple[bool, float]:
            return one[0] is avoid, (one[0].endpoint.open + 1) / one[1]

        return min(open_for, key=load)[0]

    def _taken(self, member: Member) -> Place:
        trial = member.health.down
        member.health.on_trial = member.health.on_trial or trial
        member.endpoint.open += 1
        return Place(member, trial, self._clock())

    def _check_hope(self) -> None:
        now = self._clock()
        if any(m.health.is_worth_waiting_for(now, self._patience) for m, _ in self._members):
            return
        raise ServiceError(self.why_not())

    def _look_again(self) -> None:
        """See to it that those who wait are looked after when time alone changes something."""
        now = self._clock()
        looks = [look for m, _ in self._members if (look := m.next_look(now)) is not None]
        if self._timer is not None:
            self._timer.cancel()
        if looks:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(min(looks) + 0.001, self._on_time)

    def _on_time(self) -> None:
        self.wake()
        try:
            self._check_hope()
        except ServiceError as error:
            said = str(error)
            self._fail_waiting(lambda: ServiceError(said))

    def _fail_waiting(self, error: Callable[[], Exception]) -> None:
        for future, _ in self._waiting:
            if not future.done():
                future.set_exception(error())
        self._waiting.clear()


def _cause(member: Member) -> str:
    return member.health.last_cause or "it is busy"
