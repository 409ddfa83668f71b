"""What a word is, once, for everything that compares texts.

A word is a run of letters and digits; punctuation and `_` separate. Scripts written without spaces
(Chinese, Japanese, Korean, Thai) count one word a character, so that their texts are not one word.
Words are compared lower-cased and in Unicode's compatibility form; invisible characters inside a
word do not hide it.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_SPACELESS = (
    "\u0e00-\u0eff\u1100-\u11ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
)
_INVISIBLE = "\u00ad\u200b-\u200d\u2060\ufeff"
_MARKS = "\u0300-\u036f"
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_WORD = re.compile(rf"[{_SPACELESS}]|(?:[^\W_{_SPACELESS}]|[{_MARKS}{_INVISIBLE}])+")
_HIDDEN = re.compile(f"[{_INVISIBLE}]")
_BLANK = re.compile(r"\s+")
# Hyphens and asterisks are mostly prose and Markdown: they count only between two operands.
_OPERATOR = r"[+/%<>=&|^]|(?<=[\w)\]] )[-*](?= [\w(\[])|(?<=\w)\*(?=\w)"
_ASCII_TOKEN = re.compile(f"{_ASCII_WORD.pattern}|{_OPERATOR}")
_TOKEN = re.compile(f"{_WORD.pattern}|{_OPERATOR}")


@dataclass(frozen=True, slots=True)
class Word:
    """A word as compared, and where it stands: `text[start:end]`."""

    text: str
    start: int
    end: int


def _compared(word: str) -> str:
    if word.isascii():
        return word.lower()
    return unicodedata.normalize("NFKC", _HIDDEN.sub("", word)).casefold()


def words_of(text: str) -> list[str]:
    """The words of `text`, in order, as compared; none is empty."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return [word for found in _WORD.findall(text) if (word := _compared(found))]


def shared_pairs(own: Sequence[str], other: Sequence[str]) -> float:
    """Share, 0..1, of the pairs of neighbouring words in `own` that `other` has; 1 of none."""
    pairs = set(pairwise(own))
    return len(pairs & set(pairwise(other))) / len(pairs) if pairs else 1.0


def words_with_places(text: str) -> list[Word]:
    """As `words_of`, with the place of each; `[w.text for w in ...] == words_of(text)`."""
    return [
        Word(word, match.start(), match.end())
        for match in _WORD.finditer(text)
        if (word := _compared(match.group()))
    ]


def tokens_of(text: str) -> list[str]:
    """The words of `text` and the operators between them: `a + b` is not `a - b`."""
    if text.isascii():
        return _ASCII_TOKEN.findall(text.lower())
    return [token for found in _TOKEN.findall(text) if (token := _compared(found))]


def normalised(text: str) -> str:
    """`text` in compatibility form, case-folded, each run of white space one space."""
    return _BLANK.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()
