"""distilabel: one step of text generation, batches as large as what may be in flight."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration

from benchmarks.clients.cost import prompt, told


def ask_all(base_url: str, rows: int, in_flight: int, folder: Path) -> None:
    """Run a pipeline of two steps."""
    with Pipeline(name="engine", cache_dir=str(folder / "cache")) as pipeline:
        data = [{"instruction": prompt(number)} for number in range(rows)]
        load = LoadDataFromDicts(data=data, batch_size=in_flight)
        model = OpenAILLM(
            model="m",
            base_url=base_url,
            api_key="none",
            timeout=600,
            generation_kwargs={"max_new_tokens": 256},
        )
        load >> TextGeneration(llm=model, input_batch_size=in_flight)
    made = pipeline.run(use_cache=False)
    assert made["default"]["train"].num_rows == rows


if __name__ == "__main__":
    url, count, at_once, place = sys.argv[1:]
    with told():
        ask_all(url, int(count), int(at_once), Path(place))
