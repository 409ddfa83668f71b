"""The routes of a local Hub below /api/: repositories, refs, trees, commits."""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

import yaml

from tests.hub.answers import Account, Answer, Asked, answer_json, refusal
from tests.hub.pulls import discussions
from tests.hub.rights import readable, writable
from tests.hub.store import Commit, Node, Repo, Store, is_large

ORGANISATIONS = ("org",)


class Api:
    """Answers for `store`; `page` is the greatest number of entries in one page of a list."""

    def __init__(self, store: Store, url: Callable[[], str], page: int) -> None:
        self.store, self.url, self.page = store, url, page

    def answer(self, asked: Asked) -> Answer:
        """The answer to a request below /api/."""
        match asked.parts[1:]:
            case ("whoami-v2",):
                return answer_json(self._whoami(asked.account))
            case ("validate-yaml",):
                return validated(asked.json()["content"])
            case ("repos", "create"):
                return self._create(asked)
            case ("repos", "delete"):
                return self._delete(asked)
            case ("datasets", owner, name, *rest):
                return self._repo(asked, f"{owner}/{name}", rest)
        raise refusal(404, f"no such page: {'/'.join(asked.parts)}")

    def _whoami(self, account: Account | None) -> dict[str, Any]:
        if account is None:
            raise refusal(401, "Invalid username or password.")
        token = {"displayName": "test", "role": "write" if account.write else "read"}
        orgs = [{"name": name, "type": "org"} for name in ORGANISATIONS]
        return {
            "type": "user",
            "name": account.name,
            "auth": {"type": "access_token", "accessToken": token},
            "orgs": orgs,
        }

    def _create(self, asked: Asked) -> Answer:
        body = asked.json()
        if asked.account is None:
            raise refusal(401, "Invalid username or password.")
        owner = body.get("organization") or asked.account.name
        repo_id = f"{owner}/{body['name']}"
        url = f"{self.url()}/datasets/{repo_id}"
        if owner not in (asked.account.name, *ORGANISATIONS) or not asked.account.write:
            raise refusal(
                403,
                f'You don\'t have the rights to create a dataset under the namespace "{owner}"',
            )
        if body.get("type") != "dataset":
            raise refusal(400, "this Hub holds datasets only")
        with self.store.lock:
            if repo_id in self.store.repos:
                return answer_json(
                    {"error": "You already created this dataset repo", "url": url}, 409
                )
            private = body.get("visibility") == "private" or bool(body.get("private"))
            self.store.create(repo_id, private=private)
        return answer_json({"url": url, "name": repo_id, "id": repo_id})

    def _delete(self, asked: Asked) -> Answer:
        body = asked.json()
        owner = body.get("organization") or (asked.account.name if asked.account else "")
        repo = writable(self.store, f"{owner}/{body['name']}", asked.account)
        del self.store.repos[repo.id]
        return answer_json({})

    def _repo(self, asked: Asked, repo_id: str, rest: list[str]) -> Answer:
        writes = asked.method in ("POST", "PUT", "DELETE") and rest[:1] != ["paths-info"]
        if rest and rest[0] == "xet-write-token":
            writes = True
        if writes:
            return self._changed(asked, writable(self.store, repo_id, asked.account), rest)
        return self._read(asked, readable(self.store, repo_id, asked.account), rest)

    def _read(self, asked: Asked, repo: Repo, rest: list[str]) -> Answer:
        """The answer to a question about a repository."""
        match rest:
            case [] | ["revision", _]:
                return answer_json(described(repo, revision_of(repo, rest[1] if rest else "main")))
            case ["refs"]:
                return answer_json(refs(repo, prs="include_prs" in asked.query))
            case ["tree", revision, *path]:
                return self._tree(asked, revision_of(repo, revision), "/".join(path))
            case ["commits", revision]:
                return self._commits(asked, repo, revision)
            case ["paths-info", revision]:
                return self._paths_info(asked, revision_of(repo, revision))
            case ["xet-read-token", _]:
                return self.store.xet.token()
            case ["discussions", *deeper]:
                return discussions(self.store, repo, asked, deeper)
        raise refusal(404, f"no such page: {asked.method} {'/'.join(asked.parts)}")

    def _changed(self, asked: Asked, repo: Repo, rest: list[str]) -> Answer:
        """The answer to a change of a repository, or to a step towards one."""
        match rest:
            case ["preupload", revision]:
                return answer_json(preuploaded(asked.json(), revision_of(repo, revision)))
            case ["commit", revision]:
                return self._commit(asked, repo, revision)
            case ["tag" | "branch" as kind, name]:
                return self._name(asked, repo, kind, name)
            case ["xet-write-token", _]:
                return self.store.xet.token()
            case ["discussions", *deeper]:
                return discussions(self.store, repo, asked, deeper)
            case ["settings"]:
                repo.private = bool(asked.json().get("private", repo.private))
                return answer_json({})
        raise refusal(404, f"no such page: {asked.method} {'/'.join(asked.parts)}")

    def _tree(self, asked: Asked, commit: Commit, path: str) -> Answer:
        deep = asked.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        entries = tree(self.store, commit, path, recursive=deep)
        if path and not entries:
            raise refusal(404, f"{path} does not exist on {commit.oid}", "EntryNotFound")
        if asked.query.get("expand", ["false"])[0].lower() in ("true", "1"):
            last = {"id": commit.oid, "title": commit.title, "date": stamp(commit.date)}
            entries = [{**entry, "lastCommit": last} for entry in entries]
        return self._paged(asked, entries)

    def _commits(self, asked: Asked, repo: Repo, revision: str) -> Answer:
        listed = [
            {
                "id": commit.oid,
                "title": commit.title,
                "message": commit.message,
                "authors": [{"user": "me"}],
                "date": stamp(commit.date),
            }
            for commit in repo.history(revision_of(repo, revision))
        ]
        return self._paged(asked, listed)

    def _paged(self, asked: Asked, entries: list[dict[str, Any]]) -> Answer:
        """One page of `entries`, with a link to the next where there is one."""
        start = int(asked.query.get("cursor", ["0"])[0])
        size = min(self.page, int(asked.query.get("limit", [str(self.page)])[0]))
        stop = start + size
        headers = {}
        if stop < len(entries):
            kept = {name: value for name, value in asked.query.items() if name != "cursor"}
            query = urlencode({**kept, "cursor": [str(stop)]}, doseq=True)
            path = "/".join(quote(part, safe="") for part in asked.parts)
            headers["Link"] = f'<{self.url()}/{path}?{query}>; rel="next"'
        return answer_json(entries[start:stop], headers=headers)

    def _paths_info(self, asked: Asked, commit: Commit) -> Answer:
        if asked.headers.get("content-type", "").startswith("application/json"):
            paths = asked.json()["paths"]
        else:
            paths = parse_qs(asked.body.decode()).get("paths", [])
        paths = [paths] if isinstance(paths, str) else paths
        found = [entry_of(self.store, commit, path) for path in paths]
        return answer_json([entry for entry in found if entry is not None])

    def _commit(self, asked: Asked, repo: Repo, revision: str) -> Answer:
        lines = [json.loads(line) for line in asked.body.splitlines() if line.strip()]
        header, changes = lines[0]["value"], {}
        for line in lines[1:]:
            changes.update(self._change(repo, line["key"], line["value"]))
        if "README.md" in changes and changes["README.md"] is not None:
            answer = validated(self.store.read(changes["README.md"]).decode())
            if answer.status != 200:
                return answer
        with repo.lock:
            head = revision_of(repo, revision)
            if revision not in repo.branches and revision not in repo.pulls:
                raise refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
            if header.get("parentCommit") not in (None, head.oid):
                raise refusal(412, "A commit has happened since. Please refresh and try again.")
            made = self.store.commit(
                repo, revision, changes, header.get("summary", ""), header.get("description", "")
            )
        url = f"{self.url()}/datasets/{repo.id}/commit/{made.oid}"
        told = {"success": True, "commitOid": made.oid, "commitUrl": url, "hookOutput": ""}
        return answer_json(told)

    def _change(self, repo: Repo, key: str, value: Mapping[str, Any]) -> dict[str, Node | None]:
        path = value["path"]
        if key == "file":
            encoded = value.get("encoding") == "base64"
            content = base64.b64decode(value["content"]) if encoded else value["content"].encode()
            return {path: self.store.add(content)}
        if key == "lfsFile":
            if not self.store.has(value["oid"]):
                raise refusal(400, f"{path}: no such object was uploaded: {value['oid']}")
            return {path: self.store.pointer(value["oid"], int(value["size"]))}
        if key in ("deletedFile", "deletedFolder"):
            return {path: None}
        if key == "copyFile":
            source = revision_of(repo, value.get("srcRevision") or "main")
            return {path: source.files[value["srcPath"]]}
        raise refusal(400, f"no such operation: {key}")

    def _name(self, asked: Asked, repo: Repo, kind: str, name: str) -> Answer:
        """Make or remove a tag or a branch; a tag's path names what it points at."""
        names = repo.tags if kind == "tag" else repo.branches
        with repo.lock:
            if asked.method == "DELETE":
                if names.pop(name, None) is None:
                    raise refusal(404, f"Invalid rev id: {name}", "RevisionNotFound")
                return Answer(204)
            body = asked.json() if asked.body else {}
            start = name if kind == "tag" else body.get("startingPoint") or "main"
            made = body["tag"] if kind == "tag" else name
            commit = revision_of(repo, start)
            if made in names:
                raise refusal(409, f"Reference already exists: {made}")
            names[made] = commit.oid
        return answer_json({})


def revision_of(repo: Repo, revision: str) -> Commit:
    """The commit that `revision` names; it is an error if there is none."""
    commit = repo.at(revision)
    if commit is None:
        raise refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    return commit


def stamp(date: datetime) -> str:
    """`date` as the Hub writes it."""
    return date.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def described(repo: Repo, commit: Commit) -> dict[str, Any]:
    """What the Hub tells of a repository at `commit`."""
    history = list(repo.history(commit))
    siblings = [
        {
            "rfilename": path,
            "size": node.size,
            "blobId": node.oid,
            **({"lfs": lfs_of(node)} if node.large else {}),
        }
        for path, node in sorted(commit.files.items())
    ]
    return {
        "_id": "0" * 24,
        "id": repo.id,
        "author": repo.id.partition("/")[0],
        "sha": commit.oid,
        "lastModified": stamp(commit.date),
        "createdAt": stamp(history[-1].date),
        "private": repo.private,
        "gated": "auto" if repo.gated else False,
        "disabled": False,
        "tags": [],
        "downloads": 0,
        "likes": 0,
        "siblings": siblings,
    }


def lfs_of(node: Node) -> dict[str, Any]:
    """What is told of a large file; both spellings of its hash are in use."""
    size = len(f"version https://git-lfs.github.com/spec/v1\noid sha256:{node.sha256}\nsize \n")
    return {
        "oid": node.sha256,
        "sha256": node.sha256,
        "size": node.size,
        "pointerSize": size + len(str(node.size)),
    }


def refs(repo: Repo, *, prs: bool) -> dict[str, Any]:
    """Branches, tags and, where asked for, pull requests."""

    def listed(names: Mapping[str, str], prefix: str) -> list[dict[str, str]]:
        return [
            {"name": name, "ref": prefix + name, "targetCommit": oid} for name, oid in names.items()
        ]

    told: dict[str, Any] = {
        "branches": listed(repo.branches, "refs/heads/"),
        "tags": listed(repo.tags, "refs/tags/"),
        "converts": [],
    }
    return told | ({"pullRequests": listed(repo.pulls, "")} if prs else {})


def tree(store: Store, commit: Commit, path: str, *, recursive: bool) -> list[dict[str, Any]]:
    """Files and folders below `path`, in order."""
    start = f"{path}/" if path else ""
    names: set[str] = set()
    for name in commit.files:
        if name.startswith(start):
            inner = name[len(start) :].split("/")
            depth = len(inner) if recursive else 1
            names.update(start + "/".join(inner[:end]) for end in range(1, depth + 1))
    entries = [entry_of(store, commit, name) for name in sorted(names)]
    return [entry for entry in entries if entry is not None]


def entry_of(store: Store, commit: Commit, path: str) -> dict[str, Any] | None:
    """What a tree says of the file or folder `path`; None where there is none."""
    node = commit.files.get(path)
    if node is None:
        inside = any(name.startswith(f"{path}/") for name in commit.files)
        oid = "f" * 40
        return {"type": "directory", "oid": oid, "size": 0, "path": path} if inside else None
    entry: dict[str, Any] = {"type": "file", "oid": node.oid, "size": node.size, "path": path}
    if node.large:
        entry["lfs"] = lfs_of(node)
        xet = store.xet.hash_of(node.sha256)
        entry |= {"xetHash": xet} if xet else {}
    return entry


def preuploaded(body: Mapping[str, Any], commit: Commit) -> dict[str, Any]:
    """How each file is to be sent, and what is there under its name."""
    told = []
    for file in body["files"]:
        node = commit.files.get(file["path"])
        large = is_large(file["path"], file["size"])
        oid = (node.sha256 if node.large else node.oid) if node else None
        told.append(
            {
                "path": file["path"],
                "uploadMode": "lfs" if large else "regular",
                "shouldIgnore": False,
                **({"oid": oid} if oid else {}),
            }
        )
    return {"files": told}


def validated(content: str) -> Answer:
    """Whether a card's YAML can be read, as the Hub says it; a card may have none."""
    parts = content.split("---\n", maxsplit=2)
    errors = []
    if content.startswith("---\n"):
        try:
            value = yaml.safe_load(parts[1]) if len(parts) == 3 else None
        except yaml.YAMLError as error:
            errors.append(str(error))
        else:
            errors += [] if isinstance(value, dict) else ["the front matter is no mapping"]
    told = {"errors": [{"message": error} for error in errors], "warnings": []}
    return answer_json(told, 400 if errors else 200)
