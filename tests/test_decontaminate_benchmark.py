"""The benchmark of decontamination: its documents, its copies, and how flags are counted."""

import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks.decontaminate import copies, installed, scored, write
from benchmarks.real_text import documents
from benchmarks.whole_process import Cost
from opencodeinstruct.tools.text.planting import KINDS

PIECES = ["def add(a, b):\n    return a + b", "Say what is usual.", "Another piece of real text."]


def test_documents_are_as_many_as_asked_for_and_the_same_again(tmp_path: Path) -> None:
    first, second = (list(documents(50, 3, PIECES)) for _ in range(2))
    assert first == second != list(documents(50, 4, PIECES))
    assert write(tmp_path / "rows.parquet", first) == 50
    assert pq.read_table(tmp_path / "rows.parquet")["text"].to_pylist() == first


def test_every_kind_of_copy_is_made_of_every_problem() -> None:
    made = copies(PIECES)
    assert len(made) == 164 * len(KINDS) == 1968
    assert all(text.strip() for _, text in made)


def test_a_flag_on_a_row_without_a_copy_is_a_false_one() -> None:
    kinds = dict(enumerate(KINDS, start=10))
    method = scored("m", Cost(1.0, 1.0, 1), {10, 11, 3}, kinds)
    assert method.false_flags == 1
    assert [method.recall[kind] for kind in KINDS] == [1.0, 1.0] + [0.0] * 10


def test_a_peer_that_is_not_installed_is_said_and_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = {"decon": None, "datatrove": "/absent/python"}
    assert installed(asked) == {}
    assert capsys.readouterr().out.splitlines() == [
        "left out: decon (--decon names a Python that has it)",
        "left out: datatrove (/absent/python cannot import datatrove.pipeline.decont)",
    ]
    assert installed({"decon": sys.executable}) == {}
