"""Asks a model at its endpoints until one answers: what a run of many hours needs.

A failure that may pass is tried again, elsewhere where there is another endpoint, while its place
serves others. An endpoint that is dead costs seconds, not hours; one that served and is gone for a
while is waited for.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress

from opencodeinstruct.builder.errors import ServiceError
from opencodeinstruct.tools.llm.endpoint import LONGEST_WAIT
from opencodeinstruct.tools.llm.model_settings import ModelSettings
from opencodeinstruct.tools.llm.protocol import Failed
from opencodeinstruct.tools.llm.routing import Member, Place, Pool
from opencodeinstruct.tools.ports import Answer, Refused, Request, Stopped

TIMEOUTS = 2  # attempts that may end in a timeout: each costs minutes
LONGEST_PAUSE = 30.0  # seconds between attempts where the endpoint does not say

OnFailure = Callable[[str], None]
"""Told the kind of each attempt that gave no answer: `busy`, `timeout`, `gone` or `unreadable`."""


def ignored(kind: str) -> None:
    """Ignore a failure."""


class ChatClient:
    """Asks the model of `settings` at `members`, the endpoints that serve it, with weights.

    Several clients may share an endpoint and its limit: the model's name comes with each request.
    """

    def __init__(
        self,
        settings: ModelSettings,
        members: Sequence[tuple[Member, float]],
        *,
        on_failure: OnFailure = ignored,
    ) -> None:
        self._settings, self._on_failure = settings, on_failure
        self._members = [member for member, _ in members]
        self._pool = Pool(members, patience=settings.patience_seconds)
        self._stopping = asyncio.Event()
        self._jitter = random.Random()  # spreads load; nothing that is stored depends on it

    async def ask(self, request: Request, name: str) -> Answer:
        """The answer of the model `name` to `request`.

        Raises `Refused` when the endpoint will never serve this request, `Missing` when the key or
        the model is wrong, `ServiceError` when all attempts failed or no endpoint is there.
        """
        attempts = timeouts = busy = 0
        last: Member | None = None
        while True:
            place = await self._pool.take(avoid=last)
            outcome = await self._attempt(place, request, name)
            if isinstance(outcome, Answer):
                return outcome
            last = place.member
            timeouts += outcome.timed_out
            if outcome.busy and self._is_alive(last):
                busy += 1  # it is there, only full: that says nothing against the request
            elif not place.trial:
                attempts += 1
            if outcome.final or timeouts >= TIMEOUTS or attempts >= self._settings.attempts:
                raise ServiceError(no_answer(last, outcome)) from outcome
            await self._wait(self._pause(outcome, attempts + busy - 1))

    async def models(self) -> tuple[str, ...]:
        """Names of the models the first endpoint serves; `ServiceError` when it does not say."""
        return await self._members[0].endpoint.models()

    def stop(self, stopped: Stopped) -> None:
        """Start no attempt any more; those under way come to their end."""
        self._pool.stop(stopped)
        self._stopping.set()

    def close(self) -> None:
        """Leave no timer behind."""
        self._pool.close()

    async def _attempt(self, place: Place, request: Request, name: str) -> Answer | Failed:
        """One attempt, noted at its endpoint, whose place is free afterwards."""
        member = place.member
        try:
            answer = await member.endpoint.attempt(request, name)
        except Failed as failed:
            self._on_failure(kind_of(failed))
            member.failed(failed, began=place.began, was_trial=place.trial)
            return failed
        except Refused:
            member.succeeded()  # it is there, and said no
            raise
        except BaseException:
            member.health.on_trial = member.health.on_trial and not place.trial
            raise
        else:
            member.succeeded()
            return answer
        finally:
            member.release()

    async def _wait(self, seconds: float) -> None:
        """Wait so long, or until the run is to end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _is_alive(self, member: Member) -> bool:
        now = member.endpoint.clock()
        return member.health.is_alive(now, self._settings.patience_seconds)

    def _pause(self, failed: Failed, attempt: int) -> float:
        """Seconds until the next attempt: doubled each time, or what the endpoint asks for."""
        grown = min(self._settings.first_wait_seconds * 2.0 ** min(attempt, 16), LONGEST_PAUSE)
        wait = grown * self._jitter.uniform(0.5, 1.0)
        if failed.wait is None:
            return wait
        return min(failed.wait, LONGEST_WAIT) + wait / 4


def no_answer(member: Member, cause: Failed) -> str:
    """The error for a request that all attempts failed."""
    return (
        f"{member.endpoint.base_url} gives no answer ({cause}). "
        "Run the same command again when it works."
    )


def kind_of(failed: Failed) -> str:
    """What a failed attempt is counted as."""
    if failed.timed_out:
        return "timeout"
    if failed.busy:
        return "busy"
    return "gone" if failed.gone else "unreadable"
