"""Ways to find duplicates that are compared, each a program: `python X.py IN.parquet OUT.parquet`.

IN has a column `text`; OUT gets `row` and `group`, a line for each row that has a group. A program
imports what it measures and pyarrow, so that it runs in an environment without this project.
"""
