"""One module for each stage of the pipeline; each stage is a pure function."""
