"""What a run asks and pays, as it goes on: requests, tokens, money, rates, failures."""

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from opencodeinstruct.tools.llm.model_settings import Prices
from opencodeinstruct.tools.ports import Answer, Request, Role

WINDOW = 30.0  # seconds over which rates are taken
_NO_PRICE = Prices()


@dataclass(slots=True)
class Spent:
    """Answers that were paid for, their tokens and their price in US dollars."""

    answers: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return self.prompt_tokens + self.output_tokens

    def add(self, answer: Answer, price: Prices) -> None:
        """Count one answer."""
        prompt, output = answer.prompt_tokens or 0, answer.completion_tokens or 0
        cached = min(answer.cached_tokens or 0, prompt)
        self.answers += 1
        self.prompt_tokens += prompt
        self.cached_tokens += cached
        self.output_tokens += output
        self.usd += price.usd(prompt, cached, output)


@dataclass(frozen=True, slots=True)
class Rates:
    """What came in a second, over the last half minute."""

    answers: float
    prompt_tokens: float
    output_tokens: float


@dataclass(slots=True)
class Meter:
    """Counts of this process; `before` is what former processes of the run had paid.

    `failures` are attempts without an answer, by kind; `unreadable` answers of no use, by reason.
    `queues` is what servers say of themselves, by base URL.
    """

    prices: Mapping[Role, Prices] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    before: Spent = field(default_factory=Spent)
    paid: Spent = field(default_factory=Spent)
    by_role: dict[Role, Spent] = field(default_factory=dict)
    recalled: int = 0
    in_flight: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    queues: dict[str, dict[str, float]] = field(default_factory=dict)
    _recent: deque[tuple[int, list[int]]] = field(default_factory=deque)
    _began: float | None = None

    def answered(self, request: Request, answer: Answer, *, free: bool) -> None:
        """Count an answer; a free one was recorded before, or shared."""
        if free:
            self.recalled += 1
            return
        price = self.prices.get(request.role, _NO_PRICE)
        self.paid.add(answer, price)
        self.by_role.setdefault(request.role, Spent()).add(answer, price)
        now = self.clock()
        self._began = now if self._began is None else self._began
        second = int(now)
        if not self._recent or self._recent[-1][0] != second:
            self._recent.append((second, [0, 0, 0]))
            self._forget(now)
        counts = self._recent[-1][1]
        counts[0] += 1
        counts[1] += answer.prompt_tokens or 0
        counts[2] += answer.completion_tokens or 0

    def failed(self, kind: str) -> None:
        """Count an attempt that gave no answer."""
        self.failures[kind] += 1

    def rates(self) -> Rates:
        """What came in a second, lately."""
        now = self.clock()
        self._forget(now)
        if self._began is None:
            return Rates(0.0, 0.0, 0.0)
        seconds = max(min(now - self._began, WINDOW), 1.0)
        sums = [sum(counts[index] for _, counts in self._recent) for index in range(3)]
        return Rates(*(total / seconds for total in sums))

    def cache_hit_rate(self) -> float | None:
        """Share of prompt tokens that were cached, by the replies, else by the servers; or None."""
        if self.paid.cached_tokens:
            return self.paid.cached_tokens / self.paid.prompt_tokens
        asked = sum(queue.get("cache_queries", 0.0) for queue in self.queues.values())
        hits = sum(queue.get("cache_hits", 0.0) for queue in self.queues.values())
        return hits / asked if asked else None

    def facts(self) -> dict[str, Any]:
        """All of it as plain values, for a line of the log."""
        rates = self.rates()
        hits = self.cache_hit_rate()
        return {
            "answers": self.paid.answers,
            "from_journal": self.recalled,
            "in_flight": self.in_flight,
            "prompt_tokens": self.paid.prompt_tokens,
            "output_tokens": self.paid.output_tokens,
            "usd": round(self.paid.usd, 6),
            "requests_per_second": round(rates.answers, 2),
            "prompt_tokens_per_second": round(rates.prompt_tokens, 1),
            "output_tokens_per_second": round(rates.output_tokens, 1),
            "cache_hit_rate": None if hits is None else round(hits, 4),
            "failures": dict(sorted(self.failures.items())),
            "unreadable": dict(sorted(self.unreadable.items())),
            "waiting_at_servers": sum(int(q.get("waiting", 0)) for q in self.queues.values()),
        }

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0][0] < now - WINDOW:
            self._recent.popleft()
