"""Ours: rows through the window of a stage, answers through the journal, as in a run."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.clients.cost import prompt, told
from opencodeinstruct.tools.llm.asking import asking
from opencodeinstruct.tools.llm.model_settings import ModelSettings
from opencodeinstruct.tools.outcome import Kept, Outcome, Row
from opencodeinstruct.tools.ports import Message, Request, Sampling
from opencodeinstruct.tools.window import Flow, flow_through

ROWS_OF_PART = 1000


async def ask_all(base_url: str, rows: int, in_flight: int, folder: Path) -> None:
    """Put every row's request to the endpoint; its answer is in the journal afterwards."""
    settings = ModelSettings.model_validate(
        {"base_url": base_url, "name": "m", "max_concurrent_requests": in_flight}
    )

    def load(number: int) -> list[Row]:
        first = number * ROWS_OF_PART
        return [{"id": str(own)} for own in range(first, min(first + ROWS_OF_PART, rows))]

    async def done(number: int, outcomes: list[Outcome]) -> None:
        (folder / f"part-{number}").write_text(str(len(outcomes)))

    async with asking({"solver": settings}, folder / "journal.sqlite") as ask:

        async def work(row: Row) -> Outcome:
            messages = (Message("user", prompt(int(row["id"]))),)
            answer = await ask(Request("solver", messages, Sampling(max_tokens=256), seed=1))
            return Kept({**row, "output": answer.text})

        parts = range(-(-rows // ROWS_OF_PART))
        await flow_through(Flow(load, work, done, 2 * in_flight), parts)


if __name__ == "__main__":
    url, count, at_once, place = sys.argv[1:]
    with told():
        asyncio.run(ask_all(url, int(count), int(at_once), Path(place)))
