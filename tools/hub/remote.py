"""A dataset repository on the Hub: what is there, and the few ways in which we change it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import TypeVar

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    get_token,
)
from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile

from opencodeinstruct.builder.errors import Missing
from opencodeinstruct.tools.hub.plan import RemoteFile
from opencodeinstruct.tools.hub.refusals import Stale, momentary, status_of, translated

WAITS = (1.0, 2.0, 4.0, 8.0)
"""Seconds before a second and each further try, where the Hub fails for a moment."""

MAIN = "main"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class State:
    """A repository at one commit of its main branch; `tags` name commits."""

    head: str
    private: bool
    files: Mapping[str, RemoteFile]
    tags: Mapping[str, str]


class Remote:
    """The dataset repository `repo_id` of the Hub that `api`, or the environment, names.

    Every call is tried again where the Hub fails for a moment, and ends in a `ProjectError` where
    it fails for good.
    """

    def __init__(
        self, repo_id: str, *, waits: tuple[float, ...] = WAITS, api: HfApi | None = None
    ) -> None:
        self.repo_id, self.api, self._waits = repo_id, api or HfApi(), waits

    @property
    def url(self) -> str:
        """Its page."""
        return f"{self.api.endpoint}/datasets/{self.repo_id}"

    def asked(self, call: Callable[[], _T]) -> _T:
        """What `call` returns, after further tries where it fails for a moment."""
        for wait in self._waits:
            try:
                return call()
            except Exception as error:
                if not momentary(error):
                    raise translated(self.repo_id, error) from error
            sleep(wait)
        try:
            return call()
        except Exception as error:
            raise translated(self.repo_id, error) from error

    def require_token(self) -> None:
        """Raise unless there is a token that the Hub takes."""
        if not (self.api.token or get_token()):
            raise Missing(
                f"{self.repo_id}: publishing needs a token. Log in with `hf auth login`, or set "
                "HF_TOKEN to a token that may write."
            )
        self.asked(self.api.whoami)

    def state(self) -> State | None:
        """What is there now; None where there is no such repository, or none to be seen."""

        def looked() -> State | None:
            try:
                info = self.api.dataset_info(self.repo_id)
                refs = self.api.list_repo_refs(self.repo_id, repo_type="dataset")
            except RepositoryNotFoundError:
                return None
            head, tags = str(info.sha), {tag.name: tag.target_commit for tag in refs.tags}
            return State(head, bool(info.private), self._files(head), tags)

        return self.asked(looked)

    def files(self, revision: str) -> dict[str, RemoteFile]:
        """The files of a revision, by name."""
        return self.asked(lambda: self._files(revision))

    def head(self, revision: str = MAIN) -> str:
        """The commit that a branch names now."""
        info = self.asked(lambda: self.api.dataset_info(self.repo_id, revision=revision))
        return str(info.sha)

    def _files(self, revision: str) -> dict[str, RemoteFile]:
        listed = self.api.list_repo_tree(
            self.repo_id, recursive=True, revision=revision, repo_type="dataset"
        )
        return {
            entry.path: RemoteFile(
                entry.path, entry.size, entry.blob_id, entry.lfs.sha256 if entry.lfs else None
            )
            for entry in listed
            if isinstance(entry, RepoFile)
        }

    def read(self, name: str, revision: str) -> bytes | None:
        """The content of a small file; None where there is none of that name."""

        def fetched() -> bytes | None:
            with TemporaryDirectory() as folder:
                try:
                    path = self.api.hf_hub_download(
                        self.repo_id,
                        name,
                        revision=revision,
                        repo_type="dataset",
                        local_dir=folder,
                    )
                except EntryNotFoundError:
                    return None
                return Path(path).read_bytes()

        return self.asked(fetched)

    def create(self, *, private: bool) -> None:
        """The repository is there; a new one is empty."""
        self.asked(
            lambda: self.api.create_repo(
                self.repo_id, private=private, exist_ok=True, repo_type="dataset"
            )
        )

    def commit(
        self,
        additions: list[CommitOperationAdd],
        removed: tuple[str, ...],
        message: str,
        parent: str,
        branch: str = MAIN,
    ) -> str:
        """One commit on `parent`, all or nothing; returns its name.

        `Stale` where `parent` is not the head of `branch`. Where the Hub fails without a word on
        whether it has committed, the branch is asked before anything is tried again.
        """
        deletions = [CommitOperationDelete(name, is_folder=False) for name in removed]

        def committed() -> str:
            made = self._made_on(parent, message, branch)
            if made is not None:
                return made
            done = self.api.create_commit(
                self.repo_id,
                [*additions, *deletions],
                commit_message=message,
                parent_commit=parent,
                revision=branch,
                repo_type="dataset",
            )
            return str(done.oid)

        try:
            return self.asked(committed)
        except Exception as error:
            if status_of(error) != 412:
                raise
            made = self._made_on(parent, message, branch)
            if made is None:
                raise Stale from error
            return made

    def _made_on(self, parent: str, message: str, branch: str) -> str | None:
        """The commit with that message whose parent is `parent`; None where there is none."""
        commits = self.api.list_repo_commits(self.repo_id, revision=branch, repo_type="dataset")
        for newer, older in pairwise(commits):
            if older.commit_id == parent:
                return str(newer.commit_id) if newer.title == message else None
        return None

    def tag(self, name: str, commit: str) -> None:
        """`name` names `commit`; a tag that is there already is left as it is."""
        self.asked(
            lambda: self.api.create_tag(
                self.repo_id, tag=name, revision=commit, exist_ok=True, repo_type="dataset"
            )
        )
