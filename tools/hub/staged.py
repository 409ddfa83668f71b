"""A change of more files than one commit should name, moved to the main branch in one step.

The Hub has no call that moves a branch. It can merge a pull request, though, and that is one commit
on the main branch: so the change is staged as several commits of a pull request, which no reader of
the main branch sees, and merged when it is whole.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from opencodeinstruct.builder.errors import ProjectError
from opencodeinstruct.tools.hub.remote import Remote
from opencodeinstruct.tools.hub.upload import Addition


def staged(
    remote: Remote,
    additions: Sequence[Addition],
    removed: Sequence[str],
    message: str,
    most_files: int,
    still: Callable[[], None],
) -> str:
    """The commit of the main branch that holds the whole change; at most `most_files` a part.

    `still` is called last before the merge, and raises where it must not be. Pull requests that a
    killed publication left behind are closed, and so is this one when it fails.
    """
    title = f"{message} (staged)"
    for leftover in _open(remote, title):
        _close(remote, leftover)
    with _pull_request(remote, title) as number:
        branch = f"refs/pr/{number}"
        parent = remote.head(branch)
        for part, (added, gone) in enumerate(_parts(additions, removed, most_files), start=1):
            parent = remote.commit(added, gone, f"{message}, part {part}", parent, branch)
        still()
        _merge(remote, number)
    return remote.head()


def _parts(
    additions: Sequence[Addition], removed: Sequence[str], most: int
) -> Iterator[tuple[list[Addition], tuple[str, ...]]]:
    for start in range(0, len(additions), most):
        yield list(additions[start : start + most]), ()
    for start in range(0, len(removed), most):
        yield [], tuple(removed[start : start + most])


def _open(remote: Remote, title: str) -> list[int]:
    """The pull requests of that title that are neither merged nor closed."""
    listed = remote.asked(
        lambda: list(remote.api.get_repo_discussions(remote.repo_id, repo_type="dataset"))
    )
    return [
        one.num
        for one in listed
        if one.is_pull_request and one.title == title and one.status in ("open", "draft")
    ]


@contextmanager
def _pull_request(remote: Remote, title: str) -> Iterator[int]:
    """A pull request, closed where the body raises."""
    number = remote.asked(
        lambda: remote.api.create_pull_request(remote.repo_id, title=title, repo_type="dataset")
    ).num
    try:
        yield number
    except ProjectError:
        _close(remote, number)
        raise


def _status(remote: Remote, number: int) -> str:
    details: Any = remote.asked(
        lambda: remote.api.get_discussion_details(remote.repo_id, number, repo_type="dataset")
    )
    return str(details.status)


def _close(remote: Remote, number: int) -> None:
    """The pull request is closed, or stays as it is where the Hub does not answer."""
    with _leave():
        remote.asked(
            lambda: remote.api.change_discussion_status(
                remote.repo_id, number, "closed", repo_type="dataset"
            )
        )


def _merge(remote: Remote, number: int) -> None:
    """The pull request is merged; a draft, as the API makes them, is opened first."""

    def merged() -> None:
        state = _status(remote, number)
        if state == "merged":  # by a former try, of which we were not told
            return
        if state == "draft":
            remote.api.change_discussion_status(remote.repo_id, number, "open", repo_type="dataset")
        remote.api.merge_pull_request(remote.repo_id, number, repo_type="dataset")

    remote.asked(merged)


@contextmanager
def _leave() -> Iterator[None]:
    try:
        yield
    except ProjectError:
        return
