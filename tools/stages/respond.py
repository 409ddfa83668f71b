"""Give a question its solution."""

from pydantic import BaseModel, ConfigDict, Field

from opencodeinstruct.tools.outcome import Dropped, Kept, Outcome, Row
from opencodeinstruct.tools.ports import Ask, Request, Sampling, seed_of
from opencodeinstruct.tools.prompt import Prompts
from opencodeinstruct.tools.stages.asking import EVIDENCE, Unreadable, ask_until_read, with_cost
from opencodeinstruct.tools.text.code_form import code_form
from opencodeinstruct.tools.text.python_code import code_block_defining
from opencodeinstruct.tools.text.stdio import program_in


class RespondSettings(BaseModel):
    """How solutions are asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sampling: Sampling = Sampling(temperature=0.2, max_tokens=1024)  # one good try, not variety
    tries: int = Field(default=2, ge=1, le=10)  # only an answer without usable code is asked again


async def respond(
    row: Row, ask: Ask, prompts: Prompts, settings: RespondSettings, *, seed: int
) -> Outcome:
    """Give `row` the solver's answer in `output`, its code in `solution`, its thinking apart.

    Dropped as `no_code` when no block of the answer parses and keeps the contract (defines the
    entry point, or is a program that reads input and prints), as `cut_short` when the answer
    reached `max_tokens`: half an explanation teaches to stop early.
    """
    is_program = row.get("contract") == "stdio"

    def read(text: str) -> str | Unreadable:
        code = (
            program_in(text) if is_program else code_block_defining(text, str(row["entry_point"]))
        )
        return code or Unreadable("no_code", text[:EVIDENCE])

    request = Request(
        role="solver",
        messages=prompts.render(
            "respond_program" if is_program else "respond", question=row["input"]
        ),
        sampling=settings.sampling,
        seed=seed_of(seed, "respond", row["id"]),
    )
    reading = await ask_until_read(ask, request, read, tries=settings.tries, whole=True)
    answered = {
        **with_cost(row, reading.answers),
        "output": reading.answer.text,
        "reasoning": reading.answer.reasoning or None,
        "output_tokens": reading.answer.completion_tokens,
        "solver_model": reading.answer.model,
    }
    if isinstance(reading.value, Unreadable):
        return Dropped(answered, reading.value.reason, reading.value.evidence)
    code = reading.value
    return Kept({**answered, "solution": code, "code_group": code_form(code)})
