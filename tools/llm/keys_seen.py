"""Which keys a journal may hold, so that the disk is not asked for what it certainly lacks.

Most requests of a run are new, and a look into SQLite costs a tenth of the CPU of a request.
"""

from collections.abc import Iterable

_BITS = 24  # 2 MiB: a million answers set 6% of them, and so many looks are in vain


class KeysSeen:
    """A set of hashes that never denies one of its own, and now and then claims another's."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._bits = bytearray(2**_BITS // 8)
        for key in keys:
            self.add(key)

    def add(self, key: bytes) -> None:
        """Hold `key`, a hash of at least three bytes."""
        self._bits[key[0] << 13 | key[1] << 5 | key[2] >> 3] |= 1 << (key[2] & 7)

    def may_hold(self, key: bytes) -> bool:
        """Whether `key` was added; True now and then where it was not."""
        byte = self._bits[key[0] << 13 | key[1] << 5 | key[2] >> 3]
        return bool(byte & 1 << (key[2] & 7))
