"""Fake models for tests: plain async functions that stand for the `Ask` port."""

from collections.abc import Callable

from opencodeinstruct.tools.ports import Answer, Ask, Request

Said = str | Answer | Exception


def saying(*said: Said, asked: list[Request] | None = None) -> Ask:
    """A model that gives `said` in turn, the last of them for ever; an exception is raised.

    Each request is appended to `asked`.
    """
    requests: list[Request] = [] if asked is None else asked

    async def ask(request: Request) -> Answer:
        requests.append(request)
        return _answer(said[min(len(requests), len(said)) - 1])

    return ask


def by(rule: Callable[[Request], Said]) -> Ask:
    """A model whose answer is a function of the request."""

    async def ask(request: Request) -> Answer:
        return _answer(rule(request))

    return ask


def _answer(said: Said) -> Answer:
    if isinstance(said, Exception):
        raise said
    return said if isinstance(said, Answer) else Answer(said, "test-model", "stop", 100, 10)
