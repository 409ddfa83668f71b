"""Versions of the packages that programs may import: part of what decides their verdicts."""

from collections.abc import Sequence

from opencodeinstruct.tools.sandbox.packages import freeze


def installed(names: Sequence[str]) -> dict[str, str]:
    """The version of each distribution of `names` and of all that they need, by name, sorted.

    `Missing` names one that is not installed, and says what to do.
    """
    return dict(freeze(names).versions)
