"""Find the fenced blocks of an answer in Markdown: as CommonMark has it, and as models mean it.

Everything here reads line by line, so that no text, however odd, takes more than a few passes.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

_LONGEST = 200_000  # characters of an answer looked at; past that it is a loop
_FENCE = re.compile(r"([ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?)(`{3,}+|~{3,}+)(.*)")
_TAG = re.compile(r"[\w+#.-]*")
_SPANS = 5  # openings, and ends for each, that `spans` tries


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: the language of its fence in lower case, and what stands in it, dedented."""

    tag: str
    body: str


@dataclass(frozen=True, slots=True)
class _Fence:
    indent: str
    mark: str
    info: str

    def opens(self) -> bool:
        return self.mark[0] == "~" or "`" not in self.info

    def closes(self, opening: "_Fence") -> bool:
        own = self.mark.startswith(opening.mark) and not self.info.strip()
        return own and not self.indent.strip()

    def tag(self) -> str:
        found = _TAG.match(self.info.strip().lstrip("{. ").lower())
        return found[0] if found else ""


def lines_of(text: str) -> list[str]:
    """The lines of the beginning of `text` that is looked at, whatever ends them."""
    return text[:_LONGEST].replace("\r\n", "\n").replace("\r", "\n").split("\n")


def fenced_blocks(text: str) -> list[Block]:
    """The fenced blocks of `text`, in order.

    A fence that is never closed runs to the end: the answer was cut.
    """
    blocks: list[Block] = []
    opening: _Fence | None = None
    body: list[str] = []
    for line in lines_of(text):
        fence = _fence(line)
        if opening is None:
            opening, body = (fence if fence is not None and fence.opens() else None), []
        elif fence is not None and fence.closes(opening):
            blocks.append(_block(opening, body))
            opening = None
        else:
            body.append(line)
    if opening is not None:
        blocks.append(_block(opening, body))
    return blocks


def spans(text: str) -> Iterator[Block]:
    """What may have been meant as a block where the fences are not as CommonMark has them.

    From each of the first fences to each of the next few: for code that holds a fence itself, in
    a docstring, for a fence that is opened twice and for one at the end of a line of code.
    """
    lines = lines_of(text)
    places = [index for index, line in enumerate(lines) if "```" in line or "~~~" in line]
    openings = [
        (place, fence)
        for place in places
        if (fence := _fence(lines[place])) is not None and fence.opens()
    ]
    for start, opening in openings[:_SPANS]:
        ends = [place for place in places if place > start][:_SPANS]
        for end in ends:
            before = re.split("```|~~~", lines[end], maxsplit=1)[0]
            yield _block(opening, [*lines[start + 1 : end], before])


def _fence(line: str) -> _Fence | None:
    if "```" not in line and "~~~" not in line:
        return None
    found = _FENCE.match(line)
    return _Fence(found[1], found[2], found[3]) if found else None


def _block(opening: _Fence, body: list[str]) -> Block:
    """The block without the indentation that its fence, in a list say, has as well."""
    width = len(opening.indent)
    first = next((line for line in body if line.strip()), "")
    if width and not first[:width].strip():
        body = [_without_indent(line, width) for line in body]
    text = "\n".join(body)
    first = next((line for line in body if line.strip()), "")
    return Block(opening.tag(), textwrap.dedent(text) if first[:1] in (" ", "\t") else text)


def _without_indent(line: str, width: int) -> str:
    return line[min(width, len(line) - len(line.lstrip(" \t"))) :]
