"""How many requests an endpoint is given at once: a level that is found, not guessed.

It starts where the settings say, grows while it is used up and the endpoint keeps up, and shrinks
at a sign of overload: additive increase, multiplicative decrease (Chiu and Jain 1989).
"""

from dataclasses import dataclass

FIRST_CUT = 0.5  # while the level is still searched for, it may be far off
LATER_CUT = 0.85  # then it is about right: halving would leave a quarter of the endpoint idle
RESTART = 8  # requests for an endpoint that has just come back and may be loading
QUEUE = 0.1  # share of what a server works on that may wait there, so that it never runs dry
SHORTEST_QUEUE = 4


@dataclass(slots=True)
class Limit:
    """The level, between 1 and `most`; `first` is where it begins."""

    most: int
    first: int
    _level: float = 0.0
    _searching: bool = True
    _cut_at: float = -1.0

    def __post_init__(self) -> None:
        """Begin."""
        self._level = float(max(min(self.first, self.most), 1))

    @property
    def level(self) -> int:
        """Requests that may be under way at once."""
        return max(int(self._level), 1)

    def served(self, under_way: int) -> None:
        """An answer came while `under_way` requests, its own included, were under way."""
        if under_way < self.level or self._level >= self.most:
            return  # what is not used up says nothing about more
        # a round of answers doubles the level while searching, and later adds one to it
        grown = self._level + (1.0 if self._searching else 1.0 / self._level)
        self._level = min(grown, float(self.most))

    def overloaded(self, began: float, now: float) -> None:
        """A request sent at `began` was turned away, or was not answered in time.

        Requests that were already on their way at the last cut say nothing new.
        """
        if began <= self._cut_at:
            return
        self._level = max(self._level * (FIRST_CUT if self._searching else LATER_CUT), 1.0)
        self._searching, self._cut_at = False, now

    def queued(self, under_way: int, running: int, waiting: int, now: float) -> None:
        """The server says how many requests it works on and how many wait in its queue.

        What waits there beyond a few gains nothing but a timeout: our share of it is taken back.
        """
        allowed = max(SHORTEST_QUEUE, int(running * QUEUE))
        if waiting > allowed:
            share = under_way * (running + allowed) / (running + waiting)
            self._level = max(min(self._level, share), 1.0)
            self._searching, self._cut_at = False, now

    def restart(self) -> None:
        """The endpoint is back: begin small, and search again."""
        self._level = min(self._level, float(RESTART))
        self._searching = True
