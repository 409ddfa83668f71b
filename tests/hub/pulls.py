"""Pull requests of a local Hub: opened on the head of `main`, merged into it in one commit."""

from tests.hub.answers import Answer, Asked, answer_json, refusal
from tests.hub.store import Repo, Store

_OPENED = "2026-01-01T00:00:00.000Z"


def discussions(store: Store, repo: Repo, asked: Asked, deeper: list[str]) -> Answer:
    """The answer to a request below a repository's discussions."""
    match (asked.method, *deeper):
        case ("POST",):
            return opened(repo, asked)
        case ("GET",):
            told = [about(repo, ref) for ref in repo.titles]
            return answer_json({"discussions": told, "count": len(told), "start": 0})
        case ("GET", number):
            return answer_json(about(repo, f"refs/pr/{number}"))
        case ("POST", number, "merge"):
            return merged(store, repo, f"refs/pr/{number}")
        case ("POST", number, "status"):
            return closed(repo, f"refs/pr/{number}", asked.json()["status"])
    raise refusal(404, f"no such page: {'/'.join(asked.parts)}")


def opened(repo: Repo, asked: Asked) -> Answer:
    """A new pull request."""
    body = asked.json()
    if not body.get("pullRequest"):
        raise refusal(400, "this Hub has no discussions but pull requests")
    with repo.lock:
        number = len(repo.titles) + 1
        ref = f"refs/pr/{number}"
        repo.pulls[ref] = repo.bases[ref] = repo.branches["main"]
        repo.titles[ref], repo.states[ref] = body["title"], "draft"
    return answer_json({"num": number})


def about(repo: Repo, ref: str) -> dict[str, object]:
    """What is told of a pull request."""
    if ref not in repo.titles:
        raise refusal(404, "Discussion not found")
    return {
        "title": repo.titles[ref],
        "num": int(ref.rpartition("/")[2]),
        "status": repo.states[ref],
        "isPullRequest": True,
        "createdAt": _OPENED,
        "author": {"name": "me"},
        "repo": {"name": repo.id, "type": "dataset"},
        "events": [],
        "filesWithConflicts": [],
        "changes": {"base": "refs/heads/main"},
        "diffUrl": None,
    }


def closed(repo: Repo, ref: str, state: str) -> Answer:
    """The pull request is open or closed from now on."""
    about(repo, ref)
    repo.states[ref] = state
    event = {"id": "1", "type": "status-change", "createdAt": _OPENED, "author": {"name": "me"}}
    return answer_json({"newStatus": {**event, "data": {"status": state}}})


def merged(store: Store, repo: Repo, ref: str) -> Answer:
    """All that the pull request changes is on `main`, in one commit; 409 where both changed."""
    with repo.lock:
        if repo.states.get(ref) not in ("open", "draft"):
            raise refusal(404, "Discussion not found")
        base = repo.commits[repo.bases[ref]].files
        ours, main = repo.commits[repo.pulls[ref]].files, repo.commits[repo.branches["main"]].files
        changes = {
            path: ours.get(path) for path in {*base, *ours} if ours.get(path) != base.get(path)
        }
        both = [
            path
            for path, node in changes.items()
            if main.get(path) != base.get(path) and main.get(path) != node
        ]
        if both:
            raise refusal(409, f"There are merge conflicts: {', '.join(sorted(both)[:3])}")
        store.commit(repo, "main", changes, f"{repo.titles[ref]} (#{ref.rpartition('/')[2]})")
        repo.states[ref] = "merged"
    return answer_json({})
