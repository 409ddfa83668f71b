"""The place that a card's examples load from: a folder, until the dataset has a repository."""

HERE = "path/to/this/folder"
"""What the examples name where the dataset has no repository yet."""


def for_repository(text: str, repo_id: str) -> str:
    """The card `text` with examples that load the dataset from the repository `repo_id`."""
    return text.replace(f'"{HERE}"', f'"{repo_id}"')
