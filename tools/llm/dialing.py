"""Where a plain HTTP server is, whether it is reached directly, and a connection to it.

A name is looked up once in a while for all connections, which then go to its addresses in turn.
"""

import asyncio
import netrc
import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from aiohappyeyeballs import AddrInfoType, start_connection

FRESH = 10.0  # seconds that a look-up holds, as with aiohttp
NEXT_ADDRESS = 0.25  # seconds until the next address is tried beside the one before (RFC 8305)

_PLAIN = re.compile(
    r"http://(?:\[[0-9a-f:.]+\]|[0-9a-z_](?:[0-9a-z_.-]*[0-9a-z_])?)(?::\d+)?(?:/[\w.~!$&'()*+,;=:@/-]*)?",
    re.ASCII | re.IGNORECASE,
)

_P = TypeVar("_P", bound=asyncio.BaseProtocol)


@dataclass(frozen=True, slots=True)
class Site:
    """A server's host, without brackets, and its port."""

    host: str
    port: int

    @property
    def authority(self) -> str:
        """As the header Host has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 80 else f"{host}:{self.port}"


def direct_site(url: str) -> Site | None:
    """The server behind `url`; None where it takes more than a TCP connection and a path.

    That is TLS, a proxy, a login in ~/.netrc or in the URL, and anything that is to be quoted.
    """
    if not _PLAIN.fullmatch(url) or "/." in url:
        return None
    parts = urlsplit(url)
    try:
        site = Site(parts.hostname or "", parts.port or 80)
    except ValueError:  # no such port
        return None
    return site if is_local(url) or _is_direct(site.host) else None


def is_local(url: str) -> bool:
    """Whether `url` names this machine."""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host.startswith("127.") or host == "::1"


def _is_direct(host: str) -> bool:
    if "http" in getproxies() and not proxy_bypass(host):
        return False
    try:
        own = netrc.netrc(os.environ.get("NETRC") or Path.home() / ".netrc")
    except (OSError, RuntimeError, ValueError, netrc.NetrcParseError):
        return True  # there is none that can be read
    return own.authenticators(host) is None


class Dialer:
    """Connects to `site`, in the loop that is running."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._asking: asyncio.Future[list[AddrInfoType]] | None = None
        self._known_until = 0.0
        self._turn = 0

    async def dial(self, protocol: Callable[[], _P]) -> _P:
        """A connection; `OSError` or `ValueError` where there is none."""
        addresses = await self._addresses()
        self._turn += 1
        first = self._turn % len(addresses)
        in_turn = [*addresses[first:], *addresses[:first]]
        connected = await start_connection(in_turn, happy_eyeballs_delay=NEXT_ADDRESS, interleave=1)
        _, made = await asyncio.get_running_loop().create_connection(protocol, sock=connected)
        return made

    async def _addresses(self) -> list[AddrInfoType]:
        """Where the server is, looked up once for all who ask meanwhile."""
        loop = asyncio.get_running_loop()
        asking = self._asking
        if asking is None or (asking.done() and loop.time() >= self._known_until):
            asking = self._asking = asyncio.ensure_future(self._look_up())
            asking.add_done_callback(self._found)
        return await asyncio.shield(asking)

    async def _look_up(self) -> list[AddrInfoType]:
        site, loop = self._site, asyncio.get_running_loop()
        return [*await loop.getaddrinfo(site.host, site.port, type=socket.SOCK_STREAM)]

    def _found(self, asking: "asyncio.Future[list[AddrInfoType]]") -> None:
        failed = asking.cancelled() or asking.exception() is not None
        self._known_until = 0.0 if failed else asyncio.get_running_loop().time() + FRESH
