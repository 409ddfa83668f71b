"""The code in a published answer, and the function of it that its tests call.

Answers come with one fenced block, with several (the second shows the first at work), with a fence
that is never closed, or with none. Nothing is run, and nothing parsed where text will do: this is
done five million times.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_FENCE = re.compile(r"^[ \t]*```+[ \t]*([^\n`]*)$\n?", re.MULTILINE)
_PYTHON = re.compile(r"(?i)(?:i?py(?:thon)?[\d.]*|)\Z")
_CALLED = re.compile(r"assert\s+(?:not\s+)?\(*\s*([A-Za-z_]\w*)\s*\(")
_CALLS = re.compile(r"(?<![\w.])([A-Za-z_]\w*)\s*\(")
_DEFINED = re.compile(r"^(?:async[ \t]+def|def|class)[ \t]+(\w+)", re.MULTILINE)
_READS_INPUT = re.compile(r"(?<![\w.])input\s*\(|\bsys\.stdin\b|\bstdin\.read|open\(0\)")
_LOOKS_LIKE_CODE = re.compile(r"^(?:async[ \t]+def|def|class|import|from)[ \t]+\w+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Code:
    """A solution's code, how it is called (`call`, `stdio` or None: unknown), and by which name."""

    solution: str | None
    contract: str | None
    entry_point: str | None


def code_of(output: str, tests: Sequence[str]) -> Code:
    """The code in the answer `output` that `tests` are for.

    Of several blocks it is the first that defines what the tests call, else the first.
    """
    found = _CALLED.search(tests[0]) if tests else None
    named = found[1] if found else ""
    blocks = _blocks(output)
    for block in blocks:
        if named and (f"def {named}(" in block or f"class {named}" in block):
            return Code(block, "call", named)
    called = set(_CALLS.findall("\n".join(tests)))
    for block in blocks:
        names = [name for name in _DEFINED.findall(block) if name in called]
        if names:
            return Code(block, "call", names[-1])  # helpers come first
    for block in blocks:
        if _READS_INPUT.search(block):
            return Code(block, "stdio", None)
    return Code(blocks[0] if blocks else None, None, None)


def _blocks(output: str) -> list[str]:
    """The blocks of code in `output`, in order; text without a fence may be code as a whole."""
    if "```" not in output:
        return [output] if _LOOKS_LIKE_CODE.search(output) else []
    start = output.find("```python\n")
    end = output.find("\n```", start + 10)
    if start in (0, output.find("```")) and end > 0 and output.count("```") == 2:
        return [output[start + 10 : end + 1]]
    parts = _FENCE.split(output)  # text, tag, block, tag, text, tag, block …
    pairs = zip(parts[1::4], parts[2::4], strict=False)
    return [block for tag, block in pairs if block.strip() and _PYTHON.match(tag.strip())]
