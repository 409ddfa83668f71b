"""NeMo Data Designer: one column of text, from an endpoint."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("NEMO_TELEMETRY_ENABLED", "false")

import data_designer.config as dd
from data_designer.interface import DataDesigner

from benchmarks.clients.cost import prompt, told


def ask_all(base_url: str, rows: int, in_flight: int, folder: Path) -> None:
    """Make a dataset of so many records with one column that is asked for."""
    provider = dd.ModelProvider(name="here", endpoint=base_url, api_key="none")
    model = dd.ModelConfig(
        alias="m",
        model="m",
        provider="here",
        inference_parameters=dd.ChatCompletionInferenceParams(
            max_parallel_requests=in_flight, max_tokens=256, timeout=600
        ),
        skip_health_check=True,
    )
    builder = dd.DataDesignerConfigBuilder(model_configs=[model])
    builder.add_column(
        dd.SamplerColumnConfig(name="own", sampler_type="uuid", params=dd.UUIDSamplerParams())
    )
    builder.add_column(
        dd.LLMTextColumnConfig(name="output", model_alias="m", prompt=prompt(0) + " {{ own }}")
    )
    designer = DataDesigner(artifact_path=folder / "artifacts", model_providers=[provider])
    designer.set_run_config(dd.RunConfig(buffer_size=max(1000, in_flight)))
    made = designer.create(builder, num_records=rows)
    assert len(made.load_dataset()) == rows


if __name__ == "__main__":
    url, count, at_once, place = sys.argv[1:]
    with told():
        ask_all(url, int(count), int(at_once), Path(place))
