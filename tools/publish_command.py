"""The command `publish`: its options, and what it prints."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from opencodeinstruct.builder.errors import Missing, RunFolderError, ServiceError
from opencodeinstruct.dataset_card.examples import for_repository
from opencodeinstruct.tools.hub.plan import CARD, PublishPlan, change, publish_plan
from opencodeinstruct.tools.hub.publish import (
    MOST_FILES,
    OnConflict,
    Preview,
    Published,
    PublishSettings,
    preview,
    publish,
)
from opencodeinstruct.tools.hub.remote import Remote
from opencodeinstruct.tools.hub.scan import EMAIL, SECRET, scan
from opencodeinstruct.tools.hub.upload import Meter
from opencodeinstruct.tools.screens import Screens, open_screens

MOST_SHOWN = 20

Folder = Annotated[Path, typer.Argument(help="A dataset folder, as `build` makes it.")]
RepoId = Annotated[str, typer.Argument(metavar="USER/NAME", help="The Hub repository.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only check, and print what would be sent.")
]
Private = Annotated[
    bool, typer.Option("--private", help="Make the repository private, if it is new.")
]
Tag = Annotated[
    str | None, typer.Option("--tag", metavar="TAG", help="Name the commit: v1.0.0, say.")
]
Conflict = Annotated[
    OnConflict,
    typer.Option(
        "--on-conflict",
        help="If somebody else commits in the meantime: stop, or put the dataset on top (rebase), "
        "unless they changed the dataset itself.",
    ),
]
Replace = Annotated[
    bool,
    typer.Option(
        "--replace",
        help="Take the place of another dataset, or of a card that was edited on the Hub.",
    ),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="WHAT",
        help=f"Publish although the scan finds it: `{EMAIL}`, `{SECRET}`, or the very text found. "
        "Can be given several times.",
    ),
]
NoXet = Annotated[
    bool, typer.Option("--no-xet", help="Send large files by the older protocol, without Xet.")
]
FilesPerCommit = Annotated[
    int,
    typer.Option(
        "--files-per-commit",
        min=1,
        metavar="N",
        help="More files than that are staged in a pull request, which is then merged.",
    ),
]


def publish_command(
    dataset: Folder,
    repo_id: RepoId,
    private: Private = False,
    tag: Tag = None,
    dry_run: DryRun = False,
    on_conflict: Conflict = OnConflict.STOP,
    replace: Replace = False,
    allow: Allow = None,
    no_xet: NoXet = False,
    files_per_commit: FilesPerCommit = MOST_FILES,
) -> None:
    """Publish a dataset folder on the Hub: all of it at once, or nothing.

    Readers see the repository as it was until the one commit that holds everything. Stopped or
    killed at any moment, the same command sends only what is missing.

    Examples: `opencodeinstruct publish runs/quickstart/dataset me/my-dataset --dry-run`,
    `opencodeinstruct publish runs/quickstart/dataset me/my-dataset --private --tag v1.0.0`
    """
    screens = open_screens()
    settings = PublishSettings(
        private=private,
        tag=tag,
        on_conflict=on_conflict,
        replace=replace,
        xet=not no_xet,
        most_files=files_per_commit,
    )
    plan = publish_plan(dataset, repo_id, card=_card(dataset, repo_id))
    _refuse_found(plan, screens, allow or [])
    if dry_run:
        _show_plan(plan, settings, screens)
        return
    remote = Remote(repo_id)
    with _bar(screens) as bar:
        task = bar.add_task("sending", total=None, note="")

        def watch(meter: Meter) -> None:
            note = f"{meter.sent:,} sent, {max(0, meter.done - meter.sent):,} there already"
            bar.update(task, total=meter.total, completed=meter.done, note=note)

        done = publish(plan, remote, settings, watch)
    screens.out.print(_said(done), highlight=False, markup=False, soft_wrap=True)


def _card(dataset: Path, repo_id: str) -> bytes | None:
    """The folder's card as the repository is to have it; None where there is none to be read."""
    try:
        text = (dataset / CARD).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return for_repository(text, repo_id).encode()


def _refuse_found(plan: PublishPlan, screens: Screens, allowed: list[str]) -> None:
    """Show what the scan finds, and raise where there is anything."""
    names = [file.name for file in plan.files]
    counts: dict[str, int] = {}
    table = Table("kind", "where", "what", title="What looks like a secret or an address")
    for finding in scan(plan.folder, names, allowed=allowed):
        counts[finding.kind] = counts.get(finding.kind, 0) + 1
        if table.row_count < MOST_SHOWN:
            table.add_row(finding.kind, escape(finding.place), escape(finding.shown))
    if not counts:
        return
    screens.err.print(table)
    found = " and ".join(f"{count:,} of kind {kind}" for kind, count in sorted(counts.items()))
    raise RunFolderError(
        f"{plan.folder}: the scan found {found}. Nothing was sent. Remove those rows and build "
        "again, or, if they are harmless, add --allow with the kind or with the text found."
    )


def _show_plan(plan: PublishPlan, settings: PublishSettings, screens: Screens) -> None:
    """Print what would be sent, and what would become of what is there if the Hub tells it."""
    remote, out = Remote(plan.repo_id, waits=()), screens.out
    try:
        shown = preview(plan, remote, settings)
    except (ServiceError, Missing) as error:
        screens.err.print(f"What is there is not known: {error}", markup=False, highlight=False)
        shown = Preview(None, change(plan, {}))
    table = Table("file", title=f"{escape(str(plan.folder))} -> {remote.url}")
    table.add_column("bytes", justify="right")
    table.add_column("to be")
    sent = {file.name for file in shown.change.sent}
    for file in plan.files:
        verb = "sent" if file.name in sent - shown.change.known else "kept"
        verb = "named anew" if file.name in shown.change.known else verb
        table.add_row(file.name, f"{file.size:,}", verb)
    for name in shown.change.removed:
        table.add_row(escape(name), "", "removed")
    out.print(table)
    out.print(f"{plan.rows:,} rows, {plan.bytes:,} bytes in {len(plan.files)} files")
    known = plan.bytes - shown.change.bytes
    out.print(f"to send: {shown.change.bytes:,} bytes; there already: {known:,} bytes")


def _bar(screens: Screens) -> Progress:
    return Progress(
        TextColumn("[bold]{task.description:>13}"),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=screens.err,
        transient=True,
        disable=not screens.err.is_terminal,
    )


def _said(done: Published) -> str:
    tag = f", tag {done.tag}" if done.tag else ""
    if not done.made:
        return f"{done.url} holds this dataset already, at {done.commit}{tag}."
    size = sum(file.size for file in done.change.sent)
    sent = f"{size:,} bytes handed to Xet"
    if done.sent is not None:
        sent = f"{done.sent:,} bytes sent, {max(0, size - done.sent):,} were there already"
    return (
        f"{done.url} at {done.commit}{tag}: {len(done.change.sent):,} files new or changed, "
        f"{done.change.kept:,} as they were, {len(done.change.removed):,} removed; {sent}."
    )
