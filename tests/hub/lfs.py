"""Large files of a local Hub: what is to be sent, in one piece or in several, and the proof."""

import hashlib
import math
from collections.abc import Callable
from typing import Any

from tests.hub.answers import Answer, Asked, answer_json, refusal
from tests.hub.rights import writable
from tests.hub.store import Store


class Lfs:
    """Takes large files into `store`; those above `part_size` bytes come in parts."""

    def __init__(self, store: Store, url: Callable[[], str], part_size: int) -> None:
        self.store, self.url, self.part_size = store, url, part_size

    def batch(self, asked: Asked, repo_id: str) -> Answer:
        """For each object where to send it; nothing is said of those that are there."""
        writable(self.store, repo_id, asked.account)
        body = asked.json()
        multipart = "multipart" in body.get("transfers", ["basic"])
        objects = [self._object(one, repo_id, multipart=multipart) for one in body["objects"]]
        return answer_json({"transfer": "multipart" if multipart else "basic", "objects": objects})

    def _object(self, one: dict[str, Any], repo_id: str, *, multipart: bool) -> dict[str, Any]:
        oid, size = one["oid"], int(one["size"])
        if self.store.has(oid):
            return {"oid": oid, "size": size}
        place = f"{self.url()}/lfs/{repo_id}/{oid}"
        upload: dict[str, Any] = {"href": place}
        if multipart and size > self.part_size:
            numbers = range(1, math.ceil(size / self.part_size) + 1)
            parts = {str(number): f"{place}/part/{number}" for number in numbers}
            upload = {
                "href": f"{place}/complete",
                "header": {"chunk_size": str(self.part_size), **parts},
            }
        verify = {"href": f"{place}/verify"}
        return {"oid": oid, "size": size, "actions": {"upload": upload, "verify": verify}}

    def answer(self, asked: Asked, oid: str, rest: list[str]) -> Answer:
        """The answer to what a client does as the batch told it to."""
        match (asked.method, *rest):
            case ("PUT",):
                return self._whole(asked, oid)
            case ("PUT", "part", number):
                return self._part(asked, oid, int(number))
            case ("POST", "complete"):
                return self._complete(asked, oid)
            case ("POST", "verify"):
                path, body = self.store.blobs / oid, asked.json()
                if not path.exists() or path.stat().st_size != int(body["size"]):
                    raise refusal(404, f"{oid} was not uploaded")
                return answer_json({})
        raise refusal(404, "no such page")

    def _whole(self, asked: Asked, oid: str) -> Answer:
        if asked.upload is None or asked.sha256 != oid:
            raise refusal(400, "what was sent has another SHA-256")
        asked.upload.replace(self.store.blobs / oid)
        return Answer(headers={"ETag": f'"{oid[:32]}"'})

    def _part(self, asked: Asked, oid: str, number: int) -> Answer:
        assert asked.upload is not None
        asked.upload.replace(self.store.parts / f"{oid}.{number}")
        return Answer(headers={"ETag": f'"{asked.sha256[:32]}"'})

    def _complete(self, asked: Asked, oid: str) -> Answer:
        """Put the parts together, in the order and with the hashes that the client names."""
        paths = [self.store.parts / f"{oid}.{one['partNumber']}" for one in asked.json()["parts"]]
        etags = [one["etag"] for one in asked.json()["parts"]]
        contents = [path.read_bytes() for path in paths if path.exists()]
        found = [f'"{hashlib.sha256(content).hexdigest()[:32]}"' for content in contents]
        content = b"".join(contents)
        if found != etags or hashlib.sha256(content).hexdigest() != oid:
            raise refusal(400, "the parts are not what was announced")
        self.store.add(content, large=True)
        for path in paths:
            path.unlink()
        return answer_json({})
