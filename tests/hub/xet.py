"""The folder in which the official Xet client, given `casUrl = local://FOLDER`, keeps its chunks.

There is no server for it: the client writes chunks into the folder and, with them, shards that say
which file, by SHA-256 and by Xet's own hash, is made of which. Only one process may hold the
folder at a time.
"""

import time
from pathlib import Path

from tests.hub.answers import Answer, answer_json


class XetFolder:
    """The files that clients have put into a folder by Xet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def token(self) -> Answer:
        """What a client needs to use the folder."""
        place, until = f"local://{self.folder}", int(time.time()) + 3600
        named = {
            "X-Xet-Cas-Url": place,
            "X-Xet-Access-Token": "local",
            "X-Xet-Token-Expiration": str(until),
        }
        return answer_json({"casUrl": place, "exp": until, "accessToken": "local"}, headers=named)

    def hash_of(self, sha256: str) -> str | None:
        """Xet's hash of the file with that SHA-256, if it is here."""
        return None

    def restore(self, sha256: str, size: int, path: Path) -> None:
        """`path` holds the file with that SHA-256."""
        raise FileNotFoundError(sha256)
