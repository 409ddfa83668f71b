"""Files of a local Hub as clients fetch them: `resolve`, and the place that it sends them to."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from tests.hub.answers import Answer, Asked, refusal
from tests.hub.rights import downloadable
from tests.hub.store import Store


class Files:
    """Hands out the files of `store`; with `redirect` large ones from another host, as the Hub."""

    def __init__(self, store: Store, url: Callable[[], str], *, redirect: bool, xet: bool) -> None:
        self.store, self.url, self.redirect, self.xet = store, url, redirect, xet

    def resolve(self, asked: Asked, repo_id: str, revision: str, path: str) -> Answer:
        """The file `path` of a revision, or where it is to be had."""
        repo = downloadable(self.store, repo_id, asked.account)
        commit = repo.at(revision)
        if commit is None:
            raise refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        node = commit.files.get(path)
        if node is None:
            raise refusal(404, "Entry not found", "EntryNotFound", commit.oid)
        headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{node.oid}"'}
        if not node.large:
            return self._ranged(asked, self.store.path(node), headers)
        headers |= {"X-Linked-Size": str(node.size), "X-Linked-ETag": f'"{node.sha256}"'}
        headers["ETag"] = f'"{node.sha256}"'
        xet = self.store.xet.hash_of(node.sha256) if self.xet else None
        if xet:
            route = f"{self.url()}/api/datasets/{repo_id}/xet-read-token/{commit.oid}"
            headers |= {"X-Xet-Hash": xet, "X-Xet-Refresh-Route": route}
            headers["Link"] = f'<{route}>; rel="xet-auth"'
        if self.redirect:
            elsewhere = self.url().replace("127.0.0.1", "localhost")
            place = f"{elsewhere}/cdn/{repo_id}/{node.sha256}/{quote(path)}"
            return Answer(302, headers={**headers, "Location": place})
        if asked.method == "HEAD":  # nothing is put together only to be measured
            return Answer(
                headers={**headers, "Accept-Ranges": "bytes"}, stop=node.size, path=Path()
            )
        return self._ranged(asked, self.store.path(node), headers)

    def elsewhere(self, asked: Asked, sha256: str) -> Answer:
        """The content of a large file; whoever knows its address may have it."""
        nodes = (
            node
            for repo in list(self.store.repos.values())
            for commit in list(repo.commits.values())
            for node in commit.files.values()
        )
        node = next((node for node in nodes if node.sha256 == sha256), None)
        if node is None:
            raise refusal(404, "Entry not found")
        return self._ranged(asked, self.store.path(node), {"ETag": f'"{sha256}"'})

    def _ranged(self, asked: Asked, path: Path, headers: dict[str, str]) -> Answer:
        """All of a file or the one range of it that was asked for."""
        size = path.stat().st_size
        headers = {**headers, "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", asked.headers.get("range", ""))
        if wanted is None or wanted.groups() == ("", ""):
            return Answer(200, headers=headers, path=path, stop=size)
        first, last = wanted.groups()
        start = int(first) if first else max(0, size - int(last))
        stop = min(size, int(last) + 1) if first and last else size
        if start >= size or stop <= start:
            return Answer(416, headers={**headers, "Content-Range": f"bytes */{size}"})
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        return Answer(206, headers=headers, path=path, start=start, stop=stop)
