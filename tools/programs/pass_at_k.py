"""pass@k over tasks, without bias: the estimator of Chen et al. 2021, arXiv 2107.03374."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, fsum


@dataclass(frozen=True, slots=True)
class Count:
    """Samples of one task: how many, and how many of them pass."""

    samples: int
    passed: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """pass@`k`, the mean over tasks, 0..1; None where `short` tasks have fewer than `k` samples."""

    k: int
    value: float | None
    short: int


def pass_at_k(count: Count, k: int) -> float:
    """The chance that of `k` samples of the task, drawn without replacement, at least one passes.

    1 - C(n - c, k) / C(n, k), correctly rounded. `ValueError` unless 1 <= k <= n.
    """
    if not 1 <= k <= count.samples:
        raise ValueError(f"k is {k}, of {count.samples} samples")
    all_draws = comb(count.samples, k)
    return (all_draws - comb(count.samples - count.passed, k)) / all_draws


def estimates(counts: Sequence[Count], ks: Sequence[int]) -> list[Estimate]:
    """pass@k over all tasks for each of `ks`; without tasks there is nothing to estimate."""
    found = []
    for k in ks:
        short = sum(count.samples < k for count in counts)
        known = bool(counts) and not short
        mean = fsum(pass_at_k(count, k) for count in counts) / len(counts) if known else None
        found.append(Estimate(k, mean, short))
    return found
