"""What a row must be before it may enter a dataset.

The pipeline keeps this promise; it is checked all the same, because a row in the wrong folder, or
with a share of tests that was rounded to 32 bits, is lost to users without any error.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from opencodeinstruct.builder.errors import RunFolderError
from opencodeinstruct.builder.schema import TRUST, dataset_schema
from opencodeinstruct.builder.subsets import DOMAINS, JUDGE_SCORES


def as_finished(table: pa.Table) -> pa.Table:
    """The columns of a dataset, in order and of their types, from a table that holds them all."""
    schema = dataset_schema()
    missing = [name for name in schema.names if table.schema.names.count(name) != 1]
    if missing:
        raise RunFolderError(
            f"finished rows: column {missing[0]!r} is not there exactly once. "
            "Run the stages again that make it."
        )
    if table.schema.equals(schema, check_metadata=True):
        return table
    try:
        return table.select(schema.names).replace_schema_metadata(None).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        why = str(error).splitlines()[0]
        raise RunFolderError(
            f"finished rows: a value does not fit its column ({why}). Run the stages again."
        ) from error


def refuse_misfits(table: pa.Table, before: int, *, gaps: bool = False) -> None:
    """Raise for the first row, of those after `before` others, that no partition can take.

    With `gaps` domain, judge score, tests and their trust may be absent, as in a release that does
    not say them: a null is an answer, a wrong value is not.
    """
    passed, total = table["tests_passed"], table["tests_total"]
    counted = pc.and_(pc.greater_equal(passed, 0), pc.less_equal(passed, total))
    rate = pc.divide(pc.cast(passed, pa.float64()), pc.cast(total, pa.float64()))
    least = 0 if gaps else 1
    checks = {
        "id": (pc.is_valid(table["id"]), "there must be one"),
        "domain": (
            pc.is_in(table["domain"], value_set=pa.array(DOMAINS)),
            f"must be {' or '.join(DOMAINS)}",
        ),
        "judge_score": (
            pc.is_in(table["judge_score"], value_set=pa.array(JUDGE_SCORES, pa.int8())),
            "must be 1, 2, 3, 4 or 5",
        ),
        "tests_total": (pc.greater_equal(total, least), f"must be {least} or more"),
        "tests_passed": (counted, "must be 0 to tests_total"),
        "test_trust": (
            pc.is_in(table["test_trust"], value_set=pa.array(TRUST)),
            f"must be {', '.join(TRUST[:-1])} or {TRUST[-1]}",
        ),
        "pass_rate": (
            pc.equal(table["pass_rate"], rate),
            "must be tests_passed / tests_total in 64 bits",
        ),
    }
    for name, (fits, rule) in checks.items():
        if gaps and name != "id":
            fits = pc.or_kleene(fits, pc.is_null(table[name]))
        bad = np.flatnonzero(~pc.fill_null(fits, False).to_numpy())
        if bad.size:
            row = int(bad[0])
            raise RunFolderError(
                f"finished rows: row {before + row + 1} (id {table['id'][row].as_py()!r}): {name} "
                f"is {table[name][row].as_py()!r}, {rule}. Run the execute and judge stages again."
            )
