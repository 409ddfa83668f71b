"""datatrove: signatures, buckets, clusters, as its example chains them; clusters read from disk."""

import struct
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

sys.path = [place for place in sys.path if not place.endswith("deduplicators")]
from datatrove.executor.local import LocalPipelineExecutor  # noqa: E402
from datatrove.pipeline.dedup import (  # noqa: E402
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig  # noqa: E402
from datatrove.pipeline.readers import ParquetReader  # noqa: E402


def main(source: str, out: str) -> None:
    """Write the groups of `source` to `out`."""
    config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)
    path = Path(source)
    with tempfile.TemporaryDirectory() as folder:
        reader = ParquetReader(str(path.parent), glob_pattern=path.name, text_key="text")
        steps = [
            ([reader, MinhashDedupSignature(f"{folder}/signatures", config)], 1),
            ([MinhashDedupBuckets(f"{folder}/signatures", f"{folder}/buckets", config=config)], 14),
            (
                [
                    MinhashDedupCluster(
                        f"{folder}/buckets", f"{folder}/out", config, save_cluster_id=True
                    )
                ],
                1,
            ),
        ]
        for number, (pipeline, tasks) in enumerate(steps):
            LocalPipelineExecutor(
                pipeline, tasks=tasks, workers=min(tasks, 2), logging_dir=f"{folder}/log{number}"
            ).run()
        data = Path(folder, "out", "000000.clusters").read_bytes()
    found = list(struct.iter_unpack("<II", data))
    table = {"row": [row for row, _ in found], "group": [group for _, group in found]}
    pq.write_table(pa.table(table), out)


if __name__ == "__main__":
    main(*sys.argv[1:])
