"""The folder in which the official Xet client, given `casUrl = local://FOLDER`, keeps its chunks.

There is no server for it: the client writes chunks into the folder and, with them, shards that say
which file, by SHA-256 and by Xet's own hash, is made of which. Only one process may hold the
folder at a time, so a file is put together, for clients without Xet, when it is first asked for.
"""

import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.hub.answers import Answer, answer_json

RECORD = 48  # bytes; the header of a shard and all that it lists are of that size
END = b"\xff" * 32
PROOFS, SHA256 = 1 << 31, 1 << 30  # flags of a file: what else is said of it

_FETCH = """
import json, os, sys
import hf_xet
place, files = sys.argv[1], json.load(sys.stdin)
with hf_xet.XetSession().new_file_download_group(
    endpoint=place, token="local", token_expiry_unix_secs=4102444800
) as group:
    for xet, size, path in files:
        group.start_download_file(hf_xet.XetFileInfo(xet, size), path)
"""


class XetFolder:
    """The files that clients have put into a folder by Xet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: set[Path] = set()
        self._hashes: dict[str, str] = {}
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
        for path in set(self.folder.glob("xet/xorbs/shards/*.mdb")) - self._read:
            self._hashes.update(files_of_shard(path.read_bytes()))
            self._read.add(path)
        return self._hashes.get(sha256)

    def size(self) -> int:
        """Bytes of all chunks that are kept."""
        chunks = self.folder.glob("xet/xorbs/xorbs/*")
        return sum(path.stat().st_size for path in chunks if path.suffix != ".tagset")

    def restore(self, sha256: str, size: int, path: Path) -> None:
        """`path` holds the file with that SHA-256, put together from its chunks."""
        beside = path.with_name(f"{path.name}.xet")
        told = json.dumps([(self.hash_of(sha256), size, str(beside))])
        subprocess.run(
            [sys.executable, "-c", _FETCH, f"local://{self.folder}"],
            input=told,
            text=True,
            check=True,
            env={**os.environ, "HF_HOME": str(self.folder.parent / "xet-home")},
        )
        beside.replace(path)


def files_of_shard(content: bytes) -> Iterator[tuple[str, str]]:
    """SHA-256 and Xet's hash of each file that a shard describes."""
    place = RECORD
    while (name := content[place : place + 32]) != END:
        flags, chunks = struct.unpack_from("<II", content, place + 32)
        place += RECORD * (1 + chunks * (2 if flags & PROOFS else 1))
        if flags & SHA256:
            yield _hex(content[place : place + 32]), _hex(name)
            place += RECORD


def _hex(name: bytes) -> str:
    """A hash as Xet writes it: four numbers of 64 bits."""
    return "".join(f"{number:016x}" for number in struct.unpack("<4Q", name))
