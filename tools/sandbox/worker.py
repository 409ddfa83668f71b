"""A worker: up to three fork servers, started when first needed; see `policy.Place`.

A server that dies is replaced, and the program that it was at is tried once more; a verdict is
never asked for twice.
"""

import asyncio

from opencodeinstruct.builder.errors import Missing, ServiceError
from opencodeinstruct.tools.ports import Program
from opencodeinstruct.tools.sandbox.check import Builder
from opencodeinstruct.tools.sandbox.fork_server import ForkServer, ServerDied, Told, Work
from opencodeinstruct.tools.sandbox.policy import Glance, Place
from opencodeinstruct.tools.sandbox.verdicts import readable, verdicts_of
from opencodeinstruct.tools.sandbox.walls import Seat

HASH_SEEDS: dict[Place, int] = {"first": 0, "second": 1, "third": 1}


class Worker:
    """Runs one program at a time, on one CPU if one is given."""

    def __init__(self, build: Builder, cpu: int | None = None) -> None:
        self._build, self._cpu = build, cpu
        self._servers: dict[Place, ForkServer] = {}

    async def look(self, program: Program, split: bool, place: Place) -> Glance:
        """Run `program` once; `ServiceError` when that failed twice."""
        if not program.tests:
            return Glance([], "", 0.0)
        work = Work(program.code, program.tests, program.entry_point, program.limits, split)
        try:
            told = await self._run(work, place)
        except ServerDied:
            told = await self._run(work, place)
        seen = verdicts_of(told, len(program.tests))
        return Glance(seen, readable(told.printed), told.report.cpu)

    async def close(self) -> None:
        """End its servers."""
        servers, self._servers = self._servers, {}
        await asyncio.gather(*(server.close() for server in servers.values()))

    def pids(self) -> list[int]:
        """The process ids of the servers' bubblewraps."""
        return [server.pid for server in self._servers.values() if server.pid is not None]

    async def _run(self, work: Work, place: Place) -> Told:
        server = self._servers.get(place)
        if server is None or not server.alive:
            try:
                launch = await asyncio.to_thread(self._build, Seat(HASH_SEEDS[place], self._cpu))
            except Missing as error:
                raise ServiceError(f"sandbox: {error}") from error
            server = ForkServer(launch)
            await server.start()
            self._servers[place] = server
        return await server.run(work)
