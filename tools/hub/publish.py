"""Publish a dataset folder: content first, where nobody sees it, then one commit, then the tag.

A reader of the repository sees it as it was, or with the whole dataset. A publication that fails or
is killed leaves it as it was; the next one sends only what is missing. A commit names the head that
it was made for as its parent, so what somebody else commits in the meantime is never overwritten
unseen.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256

from opencodeinstruct.builder.errors import ProjectError, ServiceError
from opencodeinstruct.tools.hub.plan import (
    CARD,
    MANIFEST,
    Change,
    PublishPlan,
    change,
    entries_of,
    is_ours,
)
from opencodeinstruct.tools.hub.refusals import Stale
from opencodeinstruct.tools.hub.remote import Remote, State
from opencodeinstruct.tools.hub.staged import staged
from opencodeinstruct.tools.hub.upload import Addition, Meter, upload, xet_is_used

MOST_FILES = 500
"""Files that one commit names at most; more are staged in several commits beside the branch.

The Hub's documentation advises fewer than 100 for commits that carry contents; ours name contents
that are there already. `huggingface_hub` itself goes up to 1,000 in one.
"""

MOST_REBASES = 5


class OnConflict(StrEnum):
    """What to do when somebody else commits in the meantime."""

    STOP = "stop"
    REBASE = "rebase"


@dataclass(frozen=True, slots=True)
class PublishSettings:
    """How to publish; `replace` takes the place of what is there, whatever it is."""

    private: bool = False
    tag: str | None = None
    on_conflict: OnConflict = OnConflict.STOP
    replace: bool = False
    xet: bool = True
    most_files: int = MOST_FILES


@dataclass(frozen=True, slots=True)
class Published:
    """What was done: the commit that the dataset is in now, and whether it was `made` for it.

    `sent` are bytes that went to the Hub, None where Xet has not told.
    """

    url: str
    commit: str
    made: bool
    change: Change
    sent: int | None = 0
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be done; `state` is None where the repository would be made."""

    state: State | None
    change: Change = field(default_factory=Change)


def preview(plan: PublishPlan, remote: Remote, settings: PublishSettings) -> Preview:
    """What `publish` would change, of which nothing is done; raises what it would raise."""
    state = remote.state()
    if state is not None:
        _refuse(plan, remote, state, settings)
    return Preview(state, change(plan, state.files if state else {}))


def publish(
    plan: PublishPlan,
    remote: Remote,
    settings: PublishSettings,
    watch: Callable[[Meter], None] = lambda _: None,
) -> Published:
    """The main branch of `remote` holds `plan`'s dataset, and `settings.tag` names that commit.

    Raises `ProjectError` where that cannot be; then the branch is what it was, unless the message
    says that only the tag is missing.
    """
    remote.require_token()
    with _unchanged():
        state = _ready(plan, remote, settings)
        todo = change(plan, state.files)
        if todo.nothing:
            done = Published(remote.url, state.head, False, todo)
        else:
            meter = Meter(sum(file.size for file in todo.sent), watch)
            xet = settings.xet and xet_is_used()
            additions = upload(remote, todo.sent, meter, xet=xet)
            commit = _committed(plan, remote, settings, state, additions, todo.removed)
            done = Published(remote.url, commit, True, todo, meter.sent if meter.told else None)
    if done.made and not change(plan, remote.files(done.commit)).nothing:
        raise ServiceError(
            f"{plan.repo_id}: the commit {done.commit} does not hold what was published. Look at "
            f"{remote.url}/commits/main."
        )
    return _tagged(remote, settings, done)


def _committed(
    plan: PublishPlan,
    remote: Remote,
    settings: PublishSettings,
    state: State,
    additions: list[Addition],
    removed: tuple[str, ...],
) -> str:
    """The commit with the whole change, made on `state` or on what it has become."""
    message = f"Publish {plan.rows:,} rows"
    if len(additions) + len(removed) > settings.most_files:

        def still() -> None:
            if remote.head() != state.head:
                _rebased(plan, remote, settings, state)

        return staged(remote, additions, removed, message, settings.most_files, still)
    for _ in range(MOST_REBASES):
        try:
            return remote.commit(additions, removed, message, state.head)
        except Stale:
            state = _rebased(plan, remote, settings, state)
    raise ServiceError(f"{plan.repo_id}: others commit faster than we can.")


def _ready(plan: PublishPlan, remote: Remote, settings: PublishSettings) -> State:
    """The repository as it is, made if it was not there; refused where it must not be touched."""
    state = remote.state()
    if state is None:
        remote.create(private=settings.private)
        state = remote.state()
    if state is None:
        raise ProjectError(f"{plan.repo_id}: was made but cannot be seen. Look at {remote.url}.")
    _refuse(plan, remote, state, settings)
    return state


def _refuse(plan: PublishPlan, remote: Remote, state: State, settings: PublishSettings) -> None:
    """Raise where publishing would expose, overwrite or contradict something."""
    if settings.private and not state.private:
        raise ProjectError(
            f"{plan.repo_id}: is public, and --private does not change that. Make it private in "
            "its settings first, or leave --private out."
        )
    todo = change(plan, state.files)
    tagged = state.tags.get(settings.tag or "")
    if tagged is not None and (not todo.nothing or tagged != state.head):
        raise ProjectError(
            f"{plan.repo_id}: the tag {settings.tag} is there and names another dataset "
            f"({tagged[:8]}). Choose another tag."
        )
    if not settings.replace and not todo.nothing:
        _refuse_foreign(plan, remote, state)


def _refuse_foreign(plan: PublishPlan, remote: Remote, state: State) -> None:
    """Raise where what would be replaced was not published by us, or was edited since."""
    ours = [name for name in state.files if is_ours(name)]
    if not ours:
        return
    manifest = remote.read(MANIFEST, state.head) if MANIFEST in state.files else None
    listed = entries_of(manifest) if manifest is not None else None
    if listed is None:
        raise ProjectError(
            f"{plan.repo_id}: holds something else already ({', '.join(sorted(ours)[:2])}). Give "
            "another name, or add --replace to put this dataset in its place."
        )
    card = remote.read(CARD, state.head) if CARD in state.files else None
    if card is not None and CARD in listed and sha256(card).hexdigest() != listed[CARD].sha256:
        raise ProjectError(
            f"{plan.repo_id}: its card was edited on the Hub since it was published. Keep the "
            "edit elsewhere, and add --replace to publish a new card."
        )


def _rebased(plan: PublishPlan, remote: Remote, settings: PublishSettings, before: State) -> State:
    """The repository as somebody else's commit left it, if ours may go on top of it."""
    after = remote.state()
    if after is None:
        raise ProjectError(f"{plan.repo_id}: has gone in the meantime.")
    names = {*before.files, *after.files}
    touched = sorted(name for name in names if before.files.get(name) != after.files.get(name))
    theirs = [name for name in touched if is_ours(name)]
    said = f"{plan.repo_id}: somebody else committed in the meantime ({after.head[:8]}"
    if theirs:
        raise ProjectError(
            f"{said}: {', '.join(theirs[:2])}), to the dataset itself. Look at it, then run again "
            "to replace it."
        )
    if settings.on_conflict is OnConflict.STOP:
        raise ProjectError(
            f"{said}: {', '.join(touched[:2])}). Run again, or add --on-conflict rebase to put the "
            "dataset on top of commits that leave it alone."
        )
    return after


def _tagged(remote: Remote, settings: PublishSettings, done: Published) -> Published:
    """`done`, and its commit has the tag that was asked for."""
    if settings.tag is None:
        return done
    try:
        remote.tag(settings.tag, done.commit)
    except ServiceError as error:
        raise ServiceError(
            f"{error} The dataset is published, without its tag: run the same command again."
        ) from error
    return replace(done, tag=settings.tag)


@contextmanager
def _unchanged() -> Iterator[None]:
    """What fails in here has changed nothing that a reader sees, and the message says so."""
    try:
        yield
    except ServiceError as error:
        raise ServiceError(
            f"{error} Nothing was published; the same command sends only what is missing."
        ) from error
