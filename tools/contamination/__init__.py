"""What rows share with benchmarks, examined and told: for any dataset, and for a run."""
