"""A folder that is whole or as it was: built beside its place, then given its name.

What is built lies in `.<name>.building`. A dataset that is there already stays until the new one is
whole; then it is set aside as `.<name>.replaced`, the new one takes its place, and the old one is
deleted. A kill at any moment is healed by `recover`.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from opencodeinstruct.builder.errors import RunFolderError
from opencodeinstruct.builder.files import flush, written_error
from opencodeinstruct.builder.manifest import NAME as MANIFEST


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield an empty folder; when the body ends well, `folder` is what was built there.

    The body writes the manifest last. When it raises, `folder` stays as it was. `RunFolderError`
    where `folder` holds something else than a finished dataset; an `OSError` becomes an error for
    people.
    """
    folder = folder.resolve()
    recover(folder)
    _refuse_foreign(folder)
    building = _building(folder)
    try:
        building.mkdir(parents=True)
        yield building
        _take_place(folder)
    except OSError as error:
        raise written_error(folder, error) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def recover(folder: Path) -> None:
    """Heal what a kill during `replacing(folder)` left: `folder` is whole, or absent.

    A new dataset that was whole takes its place; one that was not is removed, and what it was to
    replace is back. Without such a kill nothing happens.
    """
    folder = folder.resolve()
    building, replaced = _building(folder), _replaced(folder)
    try:
        if replaced.exists() and not folder.exists():
            whole = (building / MANIFEST).is_file()
            (building if whole else replaced).rename(folder)
        for leftover in (building, replaced):
            if leftover.exists():
                shutil.rmtree(leftover)
    except OSError as error:
        raise written_error(folder, error) from error


def _take_place(folder: Path) -> None:
    """What was built becomes `folder`; a former dataset there is deleted only afterwards."""
    replaced = _replaced(folder)
    if folder.exists():
        folder.rename(replaced)
    _building(folder).rename(folder)
    flush(folder.parent)
    shutil.rmtree(replaced, ignore_errors=True)


def _refuse_foreign(folder: Path) -> None:
    """Raise unless `folder` is absent, empty, or a finished dataset that may be replaced."""
    if not folder.exists() or (folder / MANIFEST).is_file():
        return
    if folder.is_dir() and next(folder.iterdir(), None) is None:
        return
    raise RunFolderError(
        f"{folder}: is there and holds something else than a dataset. "
        "Give another folder, or move it away."
    )


def _building(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.building")


def _replaced(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.replaced")
