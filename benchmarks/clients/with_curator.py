"""bespokelabs-curator, its online OpenAI backend; its cache is its journal."""

import importlib.util
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.update(CURATOR_DISABLE_RICH_DISPLAY="1", TELEMETRY_ENABLED="0", OPENAI_API_KEY="none")

from bespokelabs import curator
from datasets import Dataset

from benchmarks.clients.cost import prompt, told


class Asked(curator.LLM):  # type: ignore[misc]
    """One question a row."""

    def prompt(self, row: dict[str, str]) -> str:
        """What is asked."""
        return row["text"]

    def parse(self, row: dict[str, str], response: str) -> dict[str, str]:
        """What is kept."""
        return {**row, "output": response}


def ask_all(base_url: str, rows: int, in_flight: int, folder: Path) -> None:
    """Run it over rows made here."""
    os.environ["CURATOR_CACHE_DIR"] = str(folder / "cache")
    found = importlib.util.find_spec("litellm")
    if found is not None and found.origin is not None:  # it has what would be fetched
        kept = Path(found.origin).parent / "litellm_core_utils" / "tokenizers"
        os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(kept))
    model = Asked(
        model_name="gpt-4o-mini",
        backend="openai",
        generation_params={"max_tokens": 256},
        backend_params={
            "base_url": base_url,
            "api_key": "none",
            "max_concurrent_requests": in_flight,
            "max_requests_per_minute": 10_000_000,
            "max_tokens_per_minute": 10_000_000_000,
            "require_all_responses": True,
        },
    )
    made = model(
        Dataset.from_list([{"text": prompt(number)} for number in range(rows)]),
        working_dir=str(folder / "work"),
    )
    assert made is not None


if __name__ == "__main__":
    url, count, at_once, place = sys.argv[1:]
    with told():
        ask_all(url, int(count), int(at_once), Path(place))
