"""Fixtures that several test modules share."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.calling import call, quick_recipe
from tests.endpoint import Endpoint
from tests.scripted import answer

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's job in the background has it so
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what tests start would inherit it


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with `recipe.yaml` and its complete run in `run`, whose endpoint is still up."""
    folder = tmp_path_factory.mktemp("done")
    with Endpoint(answer) as endpoint:
        recipe = quick_recipe(folder, endpoint.base_url)
        assert call("run", recipe, "--out", folder / "run").code == 0
        yield folder


@pytest.fixture
def copy(done: Path, tmp_path: Path) -> Path:
    """A copy of the complete run."""
    return Path(shutil.copytree(done / "run", tmp_path / "run"))
