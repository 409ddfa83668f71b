"""As many rows as the recipe wants: further generations until enough were accepted.

What was asked before is in the journal, so a further round pays for its new questions only. How far
a run came is in its folder: a run that was killed goes on from there.
"""

import math
from collections.abc import Callable
from dataclasses import replace

from opencodeinstruct.builder.errors import RunFolderError
from opencodeinstruct.tools.session import Session, claim_folder

MOST_GENERATIONS = 100  # what `evolve.generations` allows

Rows = Callable[[Session], int | None]
"""Runs all stages of a session: the rows accepted, None where some were deferred."""


def until_enough(session: Session, rows_of: Rows, say: Callable[[str], None]) -> Session:
    """Run `session`, and with more generations again, until `num_records` rows are accepted.

    The session that was run last. Raises `RunFolderError` when a further round added no row.
    """
    wanted = session.recipe.num_records
    accepted = rows_of(session)
    while wanted is not None and accepted is not None and accepted < wanted:
        before = accepted
        session = _further(session, accepted, wanted)
        say(
            f"{accepted:,} of {wanted:,} rows: evolution goes on to generation "
            f"{session.recipe.evolve.generations}."
        )
        claim_folder(session, redo=True)
        accepted = rows_of(session)
        if accepted is not None and accepted <= before < wanted:
            raise _no_more(session, accepted, wanted, "the last round of evolution added none")
    return session


def _further(session: Session, accepted: int, wanted: int) -> Session:
    """The session with as many generations as are expected to suffice, at most twice as many."""
    now = session.recipe.evolve.generations
    if now >= MOST_GENERATIONS:
        raise _no_more(session, accepted, wanted, f"there were {MOST_GENERATIONS} generations")
    each = accepted / (now + 1)  # the seeds' own questions count as one
    missing = math.ceil((wanted - accepted) / max(each, 1.0))
    more = min(now + max(min(missing, now), 1), MOST_GENERATIONS)
    evolve = session.recipe.evolve.model_copy(update={"generations": more})
    return replace(session, recipe=session.recipe.model_copy(update={"evolve": evolve}))


def _no_more(session: Session, accepted: int, wanted: int, why: str) -> RunFolderError:
    return RunFolderError(
        f"{session.folder.path}: {accepted:,} of {wanted:,} rows were accepted, and {why}. The "
        "folders `rejects` of its stages say where rows went. Give more seeds, change `evolve:`, "
        f"or set num_records to {accepted:,}; what was made is kept."
    )
