"""How much a run may take, and whether it has: tokens, US dollars, hours."""

from dataclasses import dataclass

from opencodeinstruct.tools.llm.meter import Meter
from opencodeinstruct.tools.ports import Stopped

SPENT = 4
"""Exit code of a run that a budget ended."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Tokens (read and written) and dollars of the whole run, former processes included; hours of
    this process. None is without end.

    What is under way when a budget is spent comes to its end, so a little more is spent.
    """

    tokens: int | None = None
    usd: float | None = None
    hours: float | None = None

    def spent(self, meter: Meter, seconds: float) -> Stopped | None:
        """Why nothing more may be asked after `seconds` of this process, if so."""
        tokens = meter.before.tokens + meter.paid.tokens
        usd = meter.before.usd + meter.paid.usd
        if self.tokens is not None and tokens >= self.tokens:
            return _stopped(f"{tokens:,} of {self.tokens:,} tokens", "--budget-tokens")
        if self.usd is not None and usd >= self.usd:
            return _stopped(f"${usd:,.2f} of ${self.usd:,.2f}", "--budget-usd")
        if self.hours is not None and seconds >= self.hours * 3600:
            return _stopped(f"{self.hours:g} hours", "--max-hours")
        return None


def _stopped(what: str, option: str) -> Stopped:
    return Stopped(
        f"The budget is spent: {what}. What was done is kept. Run again with a larger {option} to "
        "go on.",
        code=SPENT,
    )
