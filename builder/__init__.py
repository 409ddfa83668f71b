"""The dataset as a format: columns, shards, subsets, manifest. No model, no network, no process."""
