"""Run a row's tests against its solution, behind walls."""

import json

from pydantic import BaseModel, ConfigDict, Field

from opencodeinstruct.builder.errors import ServiceError
from opencodeinstruct.tools.outcome import Kept, Outcome, Row
from opencodeinstruct.tools.ports import Limits, Program, Run


class ExecuteSettings(BaseModel):
    """What a solution may use while one of its tests runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpu_seconds: float = Field(default=5.0, gt=0, le=3600)  # sound solutions need milliseconds
    wall_seconds: float = Field(default=20.0, gt=0, le=7200)  # a backstop on a busy machine
    memory_mib: int = Field(default=512, ge=64, le=65536)

    def limits(self) -> Limits:
        """The same, as the sandbox takes it."""
        return Limits(self.cpu_seconds, self.wall_seconds, self.memory_mib)


async def execute(row: Row, run: Run, settings: ExecuteSettings) -> Outcome:
    """Give `row` a verdict for each of its tests; whatever they say, the row is kept.

    Without any test the rates are null. `ServiceError` when `run` did not judge every test.
    """
    tests = tuple(json.loads(row["unit_tests"]))
    program = Program(str(row["solution"]), tests, row["entry_point"], settings.limits())
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
            "tests_execution_status": json.dumps(statuses),
            "tests_passed": passed,
            "tests_total": len(verdicts),
            "pass_rate": rate,
            "average_test_score": rate,
        }
    )
