"""Packages that programs may import: found among the installed ones, with all that they need."""

import re
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from opencodeinstruct.builder.errors import Missing
from opencodeinstruct.tools.sandbox.walls import Frozen

LEFT_OUT = re.compile(r"__pycache__|.*\.pth|\.\.|bin")


def freeze(names: Iterable[str]) -> Frozen:
    """The files and versions of the installed distributions `names` and all that they require.

    Raises `Missing`, with what to do, for one that is not installed.
    """
    waiting, chosen = list(names), {}
    while waiting:
        name = waiting.pop()
        try:
            found = distribution(name)
        except (PackageNotFoundError, ValueError) as error:
            raise Missing(
                f"sandbox: the package {name!r} is not installed, and programs are to import it. "
                f"Run: pip install {name}"
            ) from error
        key = canonical(found.name)
        if key not in chosen:
            chosen[key] = found
            waiting += required(found)
    versions = tuple(sorted((key, found.version) for key, found in chosen.items()))
    paths = {path.name: path for found in chosen.values() for path in top_level(found)}
    return Frozen(tuple(paths[name] for name in sorted(paths)), versions)


def canonical(name: str) -> str:
    """A distribution's name as PEP 503 spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def required(found: Distribution) -> list[str]:
    """The names of the distributions that one needs here, without its extras."""
    names = []
    for text in found.requires or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            names.append(requirement.name)
    return names


def top_level(found: Distribution) -> list[Path]:
    """The files and folders that a distribution has in site-packages."""
    names = {file.parts[0] for file in found.files or () if file.parts}
    paths = {Path(str(found.locate_file(name))) for name in names if not LEFT_OUT.fullmatch(name)}
    return sorted(path for path in paths if path.exists())
