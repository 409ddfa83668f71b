"""What the results of many programs come to: counts, and pass@k where they are samples of tasks."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opencodeinstruct.tools.programs.pass_at_k import Count
from opencodeinstruct.tools.programs.results import is_deferred


@dataclass(slots=True)
class Tally:
    """Counts of results. `trust`: of programs that pass; `verdicts` and `faults`: of tests.

    With `by_task`, samples and passing samples are counted by id as well, which takes memory for
    each id.
    """

    by_task: bool = False
    programs: int = 0
    passed: int = 0
    flaky: int = 0
    unusable: int = 0
    deferred: int = 0
    trust: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    _tasks: dict[str, list[int]] = field(default_factory=dict)

    @property
    def lines(self) -> int:
        """Results counted, of whatever kind."""
        return self.programs + self.unusable + self.deferred

    def add(self, result: Mapping[str, Any]) -> None:
        """Count `result`."""
        if "error" in result:
            self.deferred += is_deferred(result)
            self.unusable += not is_deferred(result)
            return
        passed = bool(result["passed"])
        self.programs += 1
        self.passed += passed
        self.flaky += bool(result["flaky"])
        self.verdicts.update(result["verdicts"])
        self.faults.update(fault for fault in result["faults"] if fault)
        if passed:
            self.trust[result["trust"]] += 1
        if self.by_task:
            counts = self._tasks.setdefault(str(result["id"]), [0, 0])
            counts[0] += 1
            counts[1] += passed

    def counts(self) -> list[Count]:
        """The samples of each task, in the order of their first ones."""
        return [Count(samples, passed) for samples, passed in self._tasks.values()]

    def summary(self) -> dict[str, Any]:
        """The counts as plain values."""
        return {
            "programs": self.programs,
            "passed": self.passed,
            "flaky": self.flaky,
            "unusable_lines": self.unusable,
            "deferred": self.deferred,
            "trust": dict(sorted(self.trust.items())),
            "verdicts": dict(sorted(self.verdicts.items())),
            "faults": dict(sorted(self.faults.items())),
        }
