"""What a model thought apart from what it answered.

Reasoning models think between `<think>` and `</think>`; some chat templates write the first of the
two themselves, so that the answer holds the second alone.
"""

import re
from dataclasses import dataclass

_OPEN = re.compile(r"\s*<think(?:ing)?>", re.IGNORECASE)
# a closing tag at the end of a line: one inside a JSON string or a line of code is part of those
_CLOSE = re.compile(r"</think(?:ing)?>[ \t]*(?:\n|\Z)", re.IGNORECASE)
_CLOSE_ANYWHERE = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Said:
    """The answer, and the thinking before it, which is empty where there is none; both trimmed."""

    answer: str
    thought: str = ""


def apart(text: str) -> Said:
    """`text` taken apart; without thinking it is the answer, unchanged.

    Thinking that never ends leaves no answer: the model was cut off before it gave one.
    """
    opened = _OPEN.match(text)
    if opened is not None:
        closed = _CLOSE_ANYWHERE.search(text, opened.end())
        if closed is None:
            return Said("", text[opened.end() :].strip())
        return Said(text[closed.end() :].strip(), text[opened.end() : closed.start()].strip())
    closed = _CLOSE.search(text)
    if closed is None or len(_FENCE.findall(text[: closed.start()])) % 2:
        return Said(text)
    return Said(text[closed.end() :].strip(), text[: closed.start()].strip())
