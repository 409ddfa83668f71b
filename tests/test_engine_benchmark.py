"""The benchmark of the engine: its ratios are right, and it says where nobody could do better."""

import io
import subprocess
import sys

import pytest
from rich.console import Console

from benchmarks.engine_figures import Figures, ratio_of, tables
from benchmarks.outer_wall import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmark needs Linux")


def figures(client: str, rate: float, cpu: float, at: int = 256, **more: float) -> Figures:
    kept = {"full": 0.98, "early_mib": 100.0, "late_mib": 104.0, **more}
    return Figures(client, "fixed:0.2", at, 8 * at, rate, cpu, asked_twice=0, **kept)


def printed(found: list[Figures], long: Figures | None = None) -> str:
    out = Console(file=io.StringIO(), width=150)
    for table in tables(found, long):
        out.print(table)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


FOUND = [
    figures("ours", 1000.0, 0.5),
    figures("datatrove", 800.0, 1.0),
    figures("ours", 1200.0, 0.3),
    figures("datatrove", 600.0, 2.0),
    figures("designer", 100.0, 8.0),
]


def test_ratios_are_of_medians() -> None:
    assert ratio_of(FOUND, "datatrove", "rate") == pytest.approx(1100 / 700)
    assert ratio_of(FOUND, "datatrove", "cpu") == pytest.approx(1.5 / 0.4)
    assert ratio_of(FOUND, "gather", "rate") is None
    assert ratio_of(FOUND[1:2], "datatrove", "rate") is None


def test_an_aim_that_nobody_can_reach_is_said_to_be_one() -> None:
    said = printed([*FOUND, figures("ours", 4000.0, 1.2, 1024), figures("datatrove", 900, 1, 1024)])
    assert "nobody can have more than 1,280 rows/s" in said
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert any(
        line.endswith("at least 3 | 1.57 MISSED, nobody can have more than 1.8 |") for line in lines
    )
    assert any("256 | rows/s to designer | at least 10 | 11.00 reached |" in line for line in lines)
    assert any(
        "1,024 | rows/s to datatrove | at least 3 | 4.44 reached |" in line for line in lines
    )
    assert any("1,024 | CPU ms | at most 1 | 1.20 MISSED |" in line for line in lines)


def test_the_long_run_is_held_to_full_places_and_flat_memory() -> None:
    said = printed(FOUND, figures("ours", 440.0, 0.9, 1024, full=0.96, late_mib=150.0))
    assert "0.96 MISSED" in said
    assert "1.50 MISSED" in said
    assert "0.90 reached" in said


def test_it_runs() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "engine.py"), "--clients", "ours,nobody"]
    few = ["--in-flight", "8", "--latencies", "fixed:0.05", "--rows", "64"]
    none = ["--long", "0", "--kills", "0", "--rounds", "2"]
    ran = subprocess.run([*command, *few, *none], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    assert "nobody is not installed" in ran.stderr
    assert "fixed:0.05, 8 in flight, 64 rows; nobody can have more than 160 rows/s" in ran.stdout
    assert ran.stdout.count('"client": "ours"') == 2
