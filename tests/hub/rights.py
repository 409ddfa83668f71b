"""Who may see and change a repository of a local Hub, and how others are refused."""

from tests.hub.answers import Account, refusal
from tests.hub.store import Repo, Store


def readable(store: Store, repo_id: str, account: Account | None) -> Repo:
    """The repository, if `account` may see it; the Hub tells missing from hidden to nobody."""
    repo = store.repos.get(repo_id)
    if repo is None or (repo.private and not owns(account, repo)):
        if account is None:  # as the Hub answers, whatever is missing
            raise refusal(401, "Invalid username or password.", "RepoNotFound")
        raise refusal(404, "Repository not found", "RepoNotFound")
    return repo


def writable(store: Store, repo_id: str, account: Account | None) -> Repo:
    """The repository, if `account` may change it."""
    repo = readable(store, repo_id, account)
    if account is None:
        raise refusal(401, "Invalid username or password.")
    if not account.write:
        raise refusal(403, "Forbidden: you must use a write token to upload to a repository.")
    if not owns(account, repo):
        raise refusal(403, "Forbidden: pass `create_pr=1` as a query parameter to create a PR")
    return repo


def downloadable(store: Store, repo_id: str, account: Account | None) -> Repo:
    """The repository, if `account` may have its files."""
    repo = readable(store, repo_id, account)
    if repo.gated and not owns(account, repo):
        message = f"Access to dataset {repo_id} is restricted. You must be authenticated to it."
        raise refusal(401 if account is None else 403, message, "GatedRepo")
    return repo


def owns(account: Account | None, repo: Repo) -> bool:
    """Whether the repository is the account's own or of an organisation that it is in."""
    owner = repo.id.partition("/")[0]
    return account is not None and (account.name == owner or owner == "org" != account.name)
