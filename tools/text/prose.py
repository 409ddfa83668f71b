"""A question's prose apart from the code, quotations and URLs in it."""

import re

_FENCE = re.compile(
    r"^[ \t]*(`{3,}|~{3,})[^\n]*\n.*?(?:^[ \t]*\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)
_QUOTED = re.compile(r'"[^"\n]{1,300}"|“[^”\n]{1,300}”|(?<!`)`[^`\n]{1,300}`(?!`)')
_SINGLE = re.compile(r"(?<![\w'])'[^'\n]{1,200}'(?![\w'])")
_CODE_LINE = re.compile(
    r"^[ \t]*(?:>>>.*|\.\.\. .*|(?:from \S+ )?import .*|@\w.*|(?:async )?def \w+\s*\(.*"
    r"|class \w+.*:"
    r"|assert .*|return\b.*|(?:if|elif|for|while|with|try|else|except)\b.*:"
    r"|[\w.\[\], ]+ [-+*/]?= .*|\w+\(.*\)|[\[({].*)$",
    re.MULTILINE,
)


def _blanked(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match.group())


def unquoted(text: str) -> str:
    """`text`, equally long, with what stands in quotation marks or backquotes blanked out."""
    return _SINGLE.sub(_blanked, _QUOTED.sub(_blanked, text))


def without_code(text: str) -> str:
    """`text`, equally long, with fenced blocks and lines that look like code blanked out."""
    return _CODE_LINE.sub(_blanked, _FENCE.sub(_blanked, text))


def sentences(text: str) -> list[str]:
    """The sentences and lines of `text`, trimmed, none empty."""
    return [one.strip() for one in re.split(r"(?<=[.!?])\s+|\n", text) if one.strip()]
