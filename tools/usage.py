"""What a run paid for, as a table beside its dataset: a row for each answer, with its price."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from opencodeinstruct.builder.files import writing
from opencodeinstruct.tools.llm.ledger import Ledger, Total, ledger
from opencodeinstruct.tools.llm.model_settings import ModelSettings, Prices
from opencodeinstruct.tools.llm.servers import served_name

NAME = "usage.parquet"
ROWS_AT_ONCE = 100_000
SCHEMA = pa.schema(
    [
        ("answer", pa.string()),  # hash of the request, as in the journal
        ("model", pa.string()),  # the name that was asked for
        ("role", pa.string()),
        ("prompt_tokens", pa.int32()),
        ("cached_tokens", pa.int32()),  # of the prompt
        ("output_tokens", pa.int32()),
        ("seconds", pa.float64()),
        ("finish_reason", pa.string()),
        ("usd", pa.float64()),
    ]
)

ByModel = Mapping[str, Prices]


def prices_of(models: Iterable[ModelSettings]) -> ByModel:
    """Prices by the name that a model is asked for under."""
    return {served_name(model): model.price for model in models}


def usd_of(total: Total, prices: ByModel) -> float:
    """What `total` cost."""
    price = prices.get(total.model, Prices())
    return price.usd(total.prompt_tokens, total.cached_tokens, total.completion_tokens)


def write_usage(journal: Path, prices: ByModel, to: Path) -> int:
    """Write the table of the answers in `journal` to `to`, whole or not at all; its rows."""
    rows = 0
    with (
        ledger(journal) as book,
        writing(to) as beside,
        pq.ParquetWriter(beside, SCHEMA, compression="zstd") as writer,
    ):
        for table in _tables(book, prices):
            writer.write_table(table)
            rows += table.num_rows
    return rows


def _tables(book: Ledger, prices: ByModel) -> Iterator[pa.Table]:
    answers = book.usage()
    while batch := list(islice(answers, ROWS_AT_ONCE)):
        yield pa.Table.from_pylist([_row(answer, prices) for answer in batch], schema=SCHEMA)


def _row(answer: tuple[object, ...], prices: ByModel) -> dict[str, object]:
    key, model, role, prompt, cached, output, seconds, finish = answer
    counts = [count if isinstance(count, int) else 0 for count in (prompt, cached, output)]
    usd = prices.get(str(model), Prices()).usd(counts[0], min(counts[1], counts[0]), counts[2])
    return {
        "answer": key,
        "model": model,
        "role": role,
        "prompt_tokens": prompt,
        "cached_tokens": cached,
        "output_tokens": output,
        "seconds": seconds,
        "finish_reason": finish,
        "usd": usd,
    }
