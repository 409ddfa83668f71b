"""The embedded model: llama.cpp's server in this process, on a loopback port.

It speaks the same protocol as every other endpoint, so there is one way to ask a model. It has no
log: what goes wrong is said by an error here or by the reply to a request.
"""

import importlib
import os
from pathlib import Path
from types import TracebackType
from typing import Any

from opencodeinstruct.builder.errors import Missing

QUIET = -1  # llama.cpp's verbosity: not even errors, which it would mix into our progress
PROMPT_CACHE_MIB = 512  # llama.cpp would take up to 8 GiB of a newcomer's memory
MAGIC = b"GGUF"

# How often a thread that waits for the others turns in a circle before it sleeps; OpenMP reads this
# when it is loaded. Its own 300,000 turns cost three quarters of the speed beside other busy
# processes, none at all a third of it on a quiet machine: docs/performance.md.
PATIENT = {"GOMP_SPINCOUNT": "3000"}


class EmbeddedServer:
    """Serves the GGUF file `path` at `base_url` while the context lasts.

    `slots` requests are answered at once, each with `context_tokens` for prompt and answer; more
    wait. All cores this process may use are used.
    """

    def __init__(self, path: Path, *, slots: int, context_tokens: int) -> None:
        self.path, self.slots, self.context_tokens = path, slots, context_tokens
        self.base_url = ""

    def __enter__(self) -> "EmbeddedServer":
        check_gguf(self.path)
        llama = _xllamacpp()
        try:
            self._server: Any = llama.Server(self._parameters(llama))
        except RuntimeError as error:
            raise Missing(
                f"{self.path} cannot be loaded: damaged, of a kind that llama.cpp does not "
                f"know, or too large for memory with {self.slots} x {self.context_tokens} tokens."
            ) from error
        self.base_url = f"{self._server.listening_address}/v1"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._server = None  # its destructor ends what runs and joins its threads

    def _parameters(self, llama: Any) -> Any:
        made = llama.CommonParams()
        made.model.path = str(self.path)
        made.model_alias = {self.path.stem}
        made.n_parallel = self.slots
        made.n_ctx = self.slots * self.context_tokens
        for threads in (made.cpuparams, made.cpuparams_batch):
            threads.n_threads = usable_cores()
        made.hostnames = ["127.0.0.1"]
        made.port = 0  # the system chooses one that is free
        made.verbosity = QUIET
        made.cache_ram_mib = PROMPT_CACHE_MIB
        made.ui = made.endpoint_slots = made.endpoint_props = False
        made.cors_origins = ""  # no web page has business here
        return made


def check_gguf(path: Path) -> None:
    """Raise `Missing` when `path` is no file of weights in the GGUF format."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except OSError as error:
        raise Missing(f"{path}: {error.strerror}. Name a .gguf file that can be read.") from error
    if magic != MAGIC:
        raise Missing(f"{path} is no GGUF file. Name the path of a model in that format.")


def usable_cores() -> int:
    """Cores this process may run on, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return max(len(os.sched_getaffinity(0)), 1)
    return os.cpu_count() or 1


def _xllamacpp() -> Any:
    """The module `xllamacpp`, imported late: it loads 30 MB that most commands do not need."""
    own = {name: os.environ.get(name) for name in PATIENT}
    try:
        os.environ.update({name: own[name] or value for name, value in PATIENT.items()})
        return importlib.import_module("xllamacpp")
    except ImportError as error:
        system = "libgomp" in str(error)  # minimal images lack GCC's OpenMP library
        run = "apt-get install libgomp1" if system else "pip install xllamacpp"
        raise Missing(
            f"the package xllamacpp does not load ({error}). "
            f"Run: {run}, or set model to an endpoint's URL."
        ) from error
    finally:
        for name, value in own.items():
            if value is None:
                os.environ.pop(name, None)
