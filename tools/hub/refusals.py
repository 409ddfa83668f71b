"""Every way in which the Hub refuses or fails, as one line for a person."""

from collections.abc import Iterator

from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

from opencodeinstruct.builder.errors import Missing, ProjectError, ServiceError

_MOMENTARY = (408, 429, 500, 502, 503, 504)
_TRANSPORT = ("httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3")


class Stale(Exception):
    """A commit was refused because its parent is no longer the head of the branch."""


def momentary(error: BaseException) -> bool:
    """Whether the same call may succeed a little later."""
    status = status_of(error)
    if status is not None:
        return status in _MOMENTARY
    return any(
        isinstance(one, ConnectionError | TimeoutError)
        or type(one).__module__.partition(".")[0] in _TRANSPORT
        for one in _chain(error)
    )


def status_of(error: BaseException) -> int | None:
    """The HTTP status that the Hub answered with; None where it did not answer."""
    for one in _chain(error):
        response = one.response if isinstance(one, HfHubHTTPError) else None
        if response is not None:
            return int(response.status_code)
    return None


def translated(repo_id: str, error: BaseException) -> ProjectError:
    """`error`, met while the Hub was asked about `repo_id`, as an error for people."""
    kinds = [type(one) for one in _chain(error)]
    if any(issubclass(kind, GatedRepoError) for kind in kinds):
        return ProjectError(f"{repo_id}: is gated. Ask for access on its page, then run again.")
    if any(issubclass(kind, RepositoryNotFoundError) for kind in kinds):
        return ProjectError(
            f"{repo_id}: there is no such dataset on the Hub, or this token may not see it. "
            "Correct the name, or log in with `hf auth login`."
        )
    why = _line(error)
    status = status_of(error)
    if status == 401:
        return Missing(
            f"{repo_id}: the Hub does not take this token ({why}). Log in with `hf auth login`, or "
            "set HF_TOKEN to a valid one."
        )
    if status == 403:
        return ProjectError(
            f"{repo_id}: this token may not do that ({why}). Use one that may write to "
            f"{repo_id.partition('/')[0]}."
        )
    if status in (400, 413, 422) or (status is None and "Invalid metadata" in str(error)):
        return ProjectError(f"{repo_id}: the Hub refuses this ({why}).")
    if status is None and "xet" in f"{type(error).__module__} {error}".lower():
        why += "; --no-xet does without Xet"
    return ServiceError(f"{repo_id}: the Hub failed ({why}).")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _line(error: BaseException) -> str:
    """What the Hub, or whatever failed first, says: on one line, without addresses."""
    for one in _chain(error):
        message = getattr(one, "server_message", None)
        if message:
            return str(message).strip().splitlines()[0]
    first = list(_chain(error))[-1]
    said = [line.strip() for line in str(first).splitlines() if line.strip()]
    return said[0] if said else type(first).__name__
