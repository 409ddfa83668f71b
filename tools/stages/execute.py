"""Run a row's tests against its solution, behind walls."""

import json
import re

from pydantic import BaseModel, ConfigDict, Field, field_validator

from opencodeinstruct.builder.errors import ServiceError
from opencodeinstruct.tools.outcome import Kept, Outcome, Row
from opencodeinstruct.tools.ports import Limits, Program, Run
from opencodeinstruct.tools.text.faults import fault_of
from opencodeinstruct.tools.text.stdio import RUN, as_function

_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


class ExecuteSettings(BaseModel):
    """What a solution may use while one of its tests runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpu_seconds: float = Field(default=5.0, gt=0, le=3600)  # sound solutions need milliseconds
    wall_seconds: float = Field(default=20.0, gt=0, le=7200)  # a backstop on a busy machine
    memory_mib: int = Field(default=512, ge=64, le=65536)
    # CPU of all tests together: a slow solution costs a minute, not ten times its five seconds
    total_seconds: float = Field(default=60.0, gt=0, le=86400)
    # what solutions and tests may import beside the standard library: `[numpy, pandas]`, say,
    # with what those need; they must be installed beside this program
    packages: tuple[str, ...] = ()

    @field_validator("packages")
    @classmethod
    def _names_of_distributions(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        """Each name once, as package indexes spell it, in alphabetical order."""
        for name in names:
            if _DISTRIBUTION.fullmatch(name) is None:
                raise ValueError(
                    f"{name[:60]!r} is no name of a package. Give names alone, as `pip install` "
                    "takes them; the version is the one that is installed"
                )
        return tuple(sorted({re.sub(r"[-_.]+", "-", name).lower() for name in names}))

    def limits(self) -> Limits:
        """The same, as the sandbox takes it."""
        return Limits(
            cpu_seconds=self.cpu_seconds,
            wall_seconds=self.wall_seconds,
            memory_mib=self.memory_mib,
            total_seconds=self.total_seconds,
        )


async def execute(row: Row, run: Run, settings: ExecuteSettings) -> Outcome:
    """Give `row` a verdict for each of its tests; whatever they say, the row is kept.

    Its `test_faults` tell tests that cannot run from a solution that fails. Without any test the
    rates are null. `ServiceError` when `run` did not judge every test.
    """
    tests = tuple(json.loads(row["unit_tests"]))
    program = _program(row, tests, settings)
    result = await run(program)
    verdicts = [verdict.verdict for verdict in result.verdicts]
    if len(verdicts) != len(tests):
        raise ServiceError(f"the sandbox judged {len(verdicts)} of {len(tests)} tests")
    passed = verdicts.count("pass")
    statuses = ["pass" if verdict == "pass" else "fail" for verdict in verdicts]
    rate = passed / len(verdicts) if verdicts else None
    return Kept(
        {
            **row,
            "test_verdicts": verdicts,
            "test_trust": result.trust,
            "flaky": result.flaky,
            "test_faults": [
                fault_of(test, program.entry_point, verdict)
                for test, verdict in zip(tests, result.verdicts, strict=True)
            ],
            "tests_execution_status": json.dumps(statuses),
            "tests_passed": passed,
            "tests_total": len(verdicts),
            "pass_rate": rate,
            "average_test_score": rate,
        }
    )


def _program(row: Row, tests: tuple[str, ...], settings: ExecuteSettings) -> Program:
    """What is run: the solution, or for a program the function that runs it."""
    if row.get("contract") == "stdio":
        return Program(as_function(str(row["solution"])), tests, RUN, settings.limits())
    return Program(str(row["solution"]), tests, row["entry_point"], settings.limits())
