"""Garbage collection is seldom while requests are under way, and as before afterwards."""

import asyncio
import gc
from pathlib import Path

import pytest

from opencodeinstruct.tools.llm.collecting import THRESHOLDS, seldom
from opencodeinstruct.tools.llm.servers import Servers


def test_what_was_there_is_left_alone_and_everything_is_as_before_afterwards() -> None:
    before = gc.get_threshold()
    with seldom():
        assert gc.get_threshold() == THRESHOLDS != before
        assert gc.get_freeze_count() > 0
        with seldom():
            pass
        assert gc.get_threshold() == THRESHOLDS
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_a_run_that_fails_leaves_the_collector_as_it_was(tmp_path: Path) -> None:
    before = gc.get_threshold()

    async def fail() -> None:
        async with Servers([], log_folder=tmp_path):
            assert gc.get_threshold() == THRESHOLDS
            raise KeyError

    with pytest.raises(KeyError):
        asyncio.run(fail())
    assert gc.get_threshold() == before
