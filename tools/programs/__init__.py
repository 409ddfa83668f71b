"""Running the programs of a file: what the command `exec` does."""
