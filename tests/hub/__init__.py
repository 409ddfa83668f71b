"""A local Hub: a small real server that speaks the Hub's protocol, and what talks to it in tests.

with LocalHub(tmp_path / "hub") as hub:
    hub.put("me/data", {"README.md": b"# hello"})
    done = hub.python("from huggingface_hub import HfApi; print(HfApi().whoami()['name'])")
    hub.faults.add(Fault(path=r"/lfs/", status=503, times=2))
    hub.log.bytes_sent(r"/resolve/")
"""

from tests.hub.clients import Done, environment, python
from tests.hub.faults import Fault, Faults
from tests.hub.log import Log, Request
from tests.hub.server import TOKENS, LocalHub
from tests.hub.store import Commit, Node, Repo, Store

__all__ = [
    "TOKENS",
    "Commit",
    "Done",
    "Fault",
    "Faults",
    "LocalHub",
    "Log",
    "Node",
    "Repo",
    "Request",
    "Store",
    "environment",
    "python",
]
