"""One script for each client: asks BASE_URL so many rows, so many at once, answers into FOLDER.

Each prints a line of JSON: seconds and CPU seconds of its work, starting up left out.
"""
