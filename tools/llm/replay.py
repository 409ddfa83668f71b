"""Recorded answers in place of a model: the same run again, without one.

The file is what `opencodeinstruct journal RUN --export FILE` wrote. `replay:FILE#NAME` takes only
the answers of the model NAME of a file that holds several.
"""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

from opencodeinstruct.builder.errors import Missing, ServiceError
from opencodeinstruct.tools.llm.journal import Journal, asked
from opencodeinstruct.tools.ports import Answer, Request

_ANY = "any model"  # the name under which answers are looked up here, whoever gave them


class Replay:
    """Gives the answers recorded in the file that `name`, `replay:FILE`, names.

    A context manager; entering raises `Missing` where there is no such file, `RowError` at a line
    that is no recorded answer.
    """

    def __init__(self, name: str) -> None:
        place, _, model = name.removeprefix("replay:").partition("#")
        self._file, self._model = Path(place), model or None

    def __enter__(self) -> "Replay":
        self._stack = ExitStack()
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="opencodeinstruct-")))
            self._journal = stack.enter_context(Journal(folder / "replay.sqlite"))
            found = self._journal.import_lines(self._file, of_model=self._model, as_model=_ANY)
            if not found:
                of = f" of the model {self._model!r}" if self._model else ""
                raise Missing(f"{self._file} holds no answer{of}. Name another file or model.")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    async def ask(self, request: Request, name: str) -> Answer:
        """The recorded answer to `request`; `ServiceError` where there is none."""
        answer = self._journal.recall(asked(_ANY, request))
        if answer is None:
            raise ServiceError(
                f"{self._file} holds no answer to a request of the role {request.role}: it was "
                "recorded by another recipe, or by a run that was not complete."
            )
        return answer

    async def models(self) -> tuple[str, ...]:
        """No model is there."""
        return ()
