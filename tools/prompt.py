"""The prompts: jinja files of chat messages, versioned by the hash of their text.

A file is a sequence of messages, each under a line `#[system]`, `#[user]` or `#[assistant]`. What
never changes stands first and the variables last, so that servers reuse the common prefix. The
file is cut into messages before anything is rendered: a row's text can never add a message.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import SandboxedEnvironment

from opencodeinstruct.builder.errors import Missing, RecipeError
from opencodeinstruct.tools.ports import Message

SHIPPED = Path(__file__).parent / "prompts"

_TOPICS = ("strings", "other")
_CROSSOVER = {"parents": ["x", "x"], "count": 2, "subject": "x", "topics": _TOPICS}

GIVEN: Mapping[str, Mapping[str, Any]] = {
    "instruct_code": {"code": "x", "topics": _TOPICS},
    "instruct_problem": {"problem": "x", "topics": _TOPICS},
    "instruct_program": {"problem": "x", "topics": _TOPICS},
    "topic": {"question": "x", "topics": _TOPICS},
    "mutate": {"problem": "x", "change": "x", "topics": _TOPICS},
    "mutate_program": {"problem": "x", "change": "x", "topics": _TOPICS},
    "crossover": _CROSSOVER,
    "crossover_program": _CROSSOVER,
    "respond": {"question": "x"},
    "respond_program": {"question": "x"},
    "testgen": {"count": 10, "question": "x", "solution": None},
    "testgen_program": {"count": 10, "question": "x", "solution": None},
    "judge": {"question": "x", "solution": "x"},
    "same_task": {"question": "x", "known": "x"},
}
"""The prompts and the variables that each is given, with values of the kind they have."""

NAMES = tuple(GIVEN)

_HEADING = re.compile(r"^#\[(system|user|assistant)\][ \t]*(?:\n|\Z)", re.MULTILINE)
_OTHER_HEADING = re.compile(r"^#\[\w+\][ \t]*$", re.MULTILINE)

# A user's prompt, which may be somebody else's, computes text and nothing more.
_ENVIRONMENT = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=False)


@dataclass(frozen=True, slots=True)
class Prompts:
    """The text of each prompt, by name; picklable and hashed by content."""

    texts: Mapping[str, str]

    def render(self, name: str, **variables: object) -> tuple[Message, ...]:
        """The messages of prompt `name`; a variable the file names but is not given is an error."""
        return tuple(
            Message(role, _template(text).render(**variables))
            for role, text in messages_of(self.texts[name])
        )

    def version(self, *names: str) -> str:
        """12 hex digits that change when the text of any of `names` (all, if none) does."""
        digest = blake2b(digest_size=6)
        for name in sorted(names or self.texts):
            digest.update(f"{name}\0{self.texts[name]}\0".encode())
        return digest.hexdigest()


@lru_cache(maxsize=256)
def _template(text: str) -> Template:
    return _ENVIRONMENT.from_string(text)


def messages_of(text: str) -> list[tuple[str, str]]:
    """(role, template text) of each message of a prompt file, in order."""
    _, *parts = _HEADING.split(text)
    return [
        (role, body.removesuffix("\n")) for role, body in zip(parts[::2], parts[1::2], strict=True)
    ]


def load_prompts(folder: Path | None = None) -> Prompts:
    """The shipped prompts, each replaced by the file of the same name in `folder`, if there.

    Every file is tried: one that cannot be read, is not valid jinja, uses a variable that it is
    not given or fails to render is a `RecipeError` (`Missing` where it cannot be read).
    """
    if folder is not None:
        _refuse_strangers(folder)
    texts = {}
    for name in NAMES:
        path = SHIPPED / f"{name}.jinja"
        if folder is not None and (folder / path.name).exists():
            path = folder / path.name
        texts[name] = _checked(path, GIVEN[name])
    return Prompts(texts)


def _checked(path: Path, given: Mapping[str, Any]) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Missing(
            f"{path}: cannot be read as UTF-8 text ({error}). Restore the file."
        ) from error
    headings = list(_HEADING.finditer(text))
    if not headings or text[: headings[0].start()].strip():
        raise RecipeError(path, "does not begin with a line like `#[user]`. Put one first.")
    other = next((one for one in _OTHER_HEADING.finditer(text) if not _HEADING.match(one[0])), None)
    if other is not None:
        line = text.count("\n", 0, other.start()) + 1
        what = f"{other[0].strip()} is none of #[system], #[user], #[assistant]. Correct it."
        raise RecipeError(f"{path}:{line}", what)
    for heading, (_, body) in zip(headings, messages_of(text), strict=True):
        _try_message(path, text.count("\n", 0, heading.start()) + 1, body, given)
    return text


def _try_message(path: Path, heading: int, body: str, given: Mapping[str, Any]) -> None:
    try:
        unknown = sorted(find_undeclared_variables(_ENVIRONMENT.parse(body)) - set(given))
        if unknown:
            names = ", ".join(given)
            what = f"{unknown[0]!r} is not given to this prompt. It has {names}."
            raise RecipeError(f"{path}:{heading}", what)
        _template(body).render(**given)
    except TemplateSyntaxError as error:
        what = f"is not valid jinja ({error.message})."
        raise RecipeError(f"{path}:{heading + error.lineno}", what) from error
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        what = " ".join(f"cannot be rendered ({error}).".split())
        raise RecipeError(f"{path}:{heading}", what) from error


def _refuse_strangers(folder: Path) -> None:
    known = {f"{name}.jinja" for name in NAMES}
    strangers = sorted(path.name for path in folder.glob("*.jinja") if path.name not in known)
    if strangers:
        raise RecipeError(
            folder,
            f"{strangers[0]} replaces no prompt. Prompts are called {', '.join(sorted(known))}.",
        )
