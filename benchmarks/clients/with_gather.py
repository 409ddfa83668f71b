"""Plain `asyncio.gather` over the openai SDK; nothing is kept."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import openai

from benchmarks.clients.cost import prompt, told


async def ask_all(base_url: str, rows: int, in_flight: int) -> None:
    """Ask every row, so many at once."""
    slots = asyncio.Semaphore(in_flight)
    client = openai.AsyncOpenAI(base_url=base_url, api_key="none", timeout=600)

    async def one(number: int) -> str:
        async with slots:
            reply = await client.chat.completions.create(
                model="m",
                messages=[{"role": "user", "content": prompt(number)}],
                max_tokens=256,
                seed=1,
            )
            return reply.choices[0].message.content or ""

    answers = await asyncio.gather(*[one(number) for number in range(rows)])
    assert all(answers)


if __name__ == "__main__":
    url, count, at_once, _ = sys.argv[1:]
    with told():
        asyncio.run(ask_all(url, int(count), int(at_once)))
