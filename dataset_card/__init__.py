"""The dataset card as a function of the data."""
