"""The pipeline: stages, the services they are handed, and the runner that drives them."""
