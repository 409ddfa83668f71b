"""Whether a text stops in the middle of a sentence.

A model that writes a quotation mark into a JSON string and does not escape it ends the string
there: "if the letter is 'a', it returns " is then all that is left of a question.
"""

import re

from opencodeinstruct.tools.text.prose import without_code

# What no sentence ends with: words that need another one, and marks that open something.
_DANGLING = re.compile(
    r"(?:(?<![\w'`\".-])(?:a|an|the|and|or|nor|but|if|whether|because|of|to|from|with|into|onto|than|"
    r"is|are|was|were|be|should|must|will|would|can|could|its|their|your|"
    r"return|returns|print|prints|equals|contains|containing|called|named|e\.g\.|i\.e\.|"
    r"such as|for example|for instance|example|examples|following)"
    r"[,:]?|[,(\[{=])\Z",
    re.IGNORECASE,
)
_SPACE = re.compile(r"[^\s.!?`)\"][ \t]+\Z")  # a quotation mark stood behind it
_SHOWN = 60
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_STRING = re.compile(r"\"[^\"\n]*\"|(?<!\w)'[^'\n]*'(?!\w)|`[^`\n]*`")


def cut_off(text: str) -> str | None:
    """The end of `text` where that is the middle of a sentence or of an example; else None.

    A missing full stop alone is none: many complete questions lack it.
    """
    last = text.rstrip("\n").rsplit("\n", 1)[-1]
    prose = without_code(text).rstrip()
    in_prose = text.rstrip().endswith(prose.rsplit("\n", 1)[-1].strip()) and bool(prose)
    if not in_prose:
        return None
    ends = _SPACE.search(last) or _DANGLING.search(last.rstrip()) or _left_open(last)
    return last[-_SHOWN:] if ends else None


def _left_open(line: str) -> bool:
    """Whether a bracket or quotation is open at the end of `line`; what is quoted holds none."""
    rest = _STRING.sub("", line.replace('"""', ""))
    if rest.count("`") % 2 or rest.count('"') % 2:
        return True
    waiting: list[str] = []
    for mark in rest:
        if mark in _BRACKETS.values():
            waiting.append(mark)
        elif mark in _BRACKETS and waiting and waiting[-1] == _BRACKETS[mark]:
            waiting.pop()
    return bool(waiting)
