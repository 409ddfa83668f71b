"""datatrove's inference runner against an endpoint.

Without checkpoints: with them release 0.10.1 ends a run of one task with a KeyError.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from datatrove.data import Document
from datatrove.pipeline.inference.run_inference import InferenceConfig, InferenceRunner
from datatrove.pipeline.writers import JsonlWriter

from benchmarks.clients.cost import prompt, told


async def rollout(document, generate):  # type: ignore[no-untyped-def]
    """One request for each document."""
    messages = [{"role": "user", "content": document.text}]
    return await generate({"messages": messages, "max_tokens": 256, "seed": 1})


def ask_all(base_url: str, rows: int, in_flight: int, folder: Path) -> None:
    """Run the runner over documents made here."""
    config = InferenceConfig(
        server_type="endpoint",
        model_name_or_path="m",
        endpoint_url=base_url.removesuffix("/v1"),
        max_concurrent_generations=in_flight,
        max_concurrent_documents=in_flight,
        metric_interval=3600,
    )
    runner = InferenceRunner(
        rollout_fn=rollout,
        config=config,
        output_writer=JsonlWriter(str(folder / "out"), output_filename="${rank}.jsonl"),
    )
    runner.run(Document(text=prompt(number), id=str(number)) for number in range(rows))


if __name__ == "__main__":
    url, count, at_once, place = sys.argv[1:]
    with told():
        ask_all(url, int(count), int(at_once), Path(place))
