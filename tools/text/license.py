"""SPDX licence expressions: of one seed, and of what was made from several."""

import re
from collections.abc import Iterable

UNKNOWN = "NOASSERTION"
"""SPDX's own word for "nobody said"."""

_NAME = r"\(?(?!(?:AND|OR|WITH)\b)[A-Za-z0-9][A-Za-z0-9.+:-]*\)?"
_EXPRESSION = re.compile(rf"{_NAME}(?: (?:AND|OR|WITH) {_NAME})*")


def is_expression(text: str) -> bool:
    """Whether `text` has the form of an SPDX expression: `MIT`, `Apache-2.0 OR MIT`."""
    return _EXPRESSION.fullmatch(text) is not None and text.count("(") == text.count(")")


def combined_license(licenses: Iterable[str | None]) -> str:
    """One expression that holds all of `licenses`: sorted, each once, joined by ` AND `.

    An unknown licence (None or blank) stays visible as `NOASSERTION`; nothing at all is that too.
    """
    parts: set[str] = set()
    for license_ in licenses:
        text = (license_ or "").strip() or UNKNOWN
        if " OR " in text and not (text.startswith("(") and text.endswith(")")):
            parts.add(f"({text})")
        elif "(" in text:
            parts.add(text)
        else:
            parts.update(one.strip() for one in text.split(" AND "))
    return " AND ".join(sorted(parts)) or UNKNOWN
