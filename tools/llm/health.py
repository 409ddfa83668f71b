"""Whether an endpoint is there: taken out when it fails again and again, tried again with care."""

from dataclasses import dataclass

DOWN_AFTER = 16  # attempts in a row that failed, with no answer in between
FIRST_TRIAL = 1.0  # seconds until a dead endpoint is tried again, by one request; doubles
FIRST_PATIENCE = 60.0  # seconds with an endpoint that is busy and never served anything
COOL_DOWN = 30.0  # seconds, the longest time between two such trials


@dataclass(slots=True)
class Health:
    """What is known of an endpoint; times are those of the clock that the caller reads."""

    failures: int = 0
    served_at: float | None = None
    heard_at: float | None = None  # the last answer, or the first time that it was busy
    down: bool = False
    trial_at: float = 0.0
    on_trial: bool = False
    last_cause: str = ""
    _gone_at: float = 0.0
    _pause: float = FIRST_TRIAL

    def takes(self, now: float) -> bool:
        """Whether it may be given a request; while it is down one at a time, now and then."""
        return not self.down or (not self.on_trial and now >= self.trial_at)

    def is_worth_waiting_for(self, now: float, patience: float) -> bool:
        """Whether a request should wait for it: it is up, or not long gone.

        An endpoint that never served anything is not waited for: most likely it is not there.
        """
        if not self.down:
            return True
        return self.served_at is not None and now - self._gone_at < patience

    def is_alive(self, now: float, patience: float) -> bool:
        """Whether an endpoint that says it is busy is believed: it served not long ago."""
        if self.served_at is None:
            patience = min(patience, FIRST_PATIENCE)
        return self.heard_at is not None and now - self.heard_at < patience

    def was_busy(self, now: float) -> None:
        """Note that it is there and has no room."""
        self.heard_at = now if self.heard_at is None else self.heard_at

    def served(self, now: float) -> bool:
        """Note an answer; whether that brought the endpoint back."""
        was_down, self.served_at, self.heard_at = self.down, now, now
        self.failures, self.down, self.on_trial, self._pause = 0, False, False, FIRST_TRIAL
        return was_down

    def failed(self, cause: str, now: float, *, was_trial: bool) -> bool:
        """Note that an attempt gave no answer; whether that took the endpoint out."""
        if not self.failures:
            self._gone_at = now
        self.failures += 1
        self.last_cause = cause
        if was_trial:
            self.on_trial = False
            self._pause = min(self._pause * 2, COOL_DOWN)
            self.trial_at = now + self._pause
        if self.down or self.failures < DOWN_AFTER:
            return False
        self.down, self._pause, self.trial_at = True, FIRST_TRIAL, now + FIRST_TRIAL
        return True
