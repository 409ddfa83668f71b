"""The prompts: jinja files of chat messages, versioned by the hash of their text.

A file is a sequence of messages, each under a line `#[system]`, `#[user]` or `#[assistant]`. What
never changes stands first and the variables last, so that servers reuse the common prefix. The
file is cut into messages before anything is rendered: a row's text can never add a message.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from jinja2 import Environment, StrictUndefined, TemplateSyntaxError

from opencodeinstruct.builder.errors import Missing, RecipeError
from opencodeinstruct.tools.ports import Message

SHIPPED = Path(__file__).parent / "prompts"
NAMES = (
    "instruct_code",
    "instruct_problem",
    "mutate",
    "crossover",
    "respond",
    "testgen",
    "judge",
)

_HEADING = re.compile(r"^#\[(system|user|assistant)\]\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Prompts:
    """The text of each prompt, by name; picklable and hashed by content."""

    texts: Mapping[str, str]

    def render(self, name: str, **variables: object) -> tuple[Message, ...]:
        """The messages of prompt `name`; a variable the file names but is not given is an error."""
        environment = Environment(undefined=StrictUndefined, keep_trailing_newline=False)
        return tuple(
            Message(role, environment.from_string(text).render(**variables))
            for role, text in messages_of(self.texts[name])
        )

    def version(self, *names: str) -> str:
        """12 hex digits that change when the text of any of `names` (all, if none) does."""
        digest = blake2b(digest_size=6)
        for name in sorted(names or self.texts):
            digest.update(f"{name}\0{self.texts[name]}\0".encode())
        return digest.hexdigest()


def messages_of(text: str) -> list[tuple[str, str]]:
    """(role, template text) of each message of a prompt file, in order."""
    _, *parts = _HEADING.split(text)
    return [
        (role, body.removesuffix("\n")) for role, body in zip(parts[::2], parts[1::2], strict=True)
    ]


def load_prompts(folder: Path | None = None) -> Prompts:
    """The shipped prompts, each replaced by the file of the same name in `folder`, if there."""
    texts = {}
    for name in NAMES:
        path = SHIPPED / f"{name}.jinja"
        if folder is not None and (folder / path.name).exists():
            path = folder / path.name
        texts[name] = _checked(path)
    if folder is not None:
        _refuse_strangers(folder)
    return Prompts(texts)


def _checked(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Missing(
            f"{path}: cannot be read as UTF-8 text ({error}). Restore the file."
        ) from error
    if not messages_of(text):
        raise RecipeError(path, "holds no message. Begin each with a line like `#[user]`.")
    try:
        Environment().parse(text)
    except TemplateSyntaxError as error:
        raise RecipeError(
            f"{path}:{error.lineno}", f"is not valid jinja ({error.message})."
        ) from error
    return text


def _refuse_strangers(folder: Path) -> None:
    known = {f"{name}.jinja" for name in NAMES}
    strangers = sorted(path.name for path in folder.glob("*.jinja") if path.name not in known)
    if strangers:
        raise RecipeError(
            folder,
            f"{strangers[0]} replaces no prompt. Prompts are called {', '.join(sorted(known))}.",
        )
