"""What of pytest a test file needs that is run where pytest is not installed.

The source of the class below is put before a test file that uses pytest, in place of its import.
It has `raises`, `approx` and `mark.parametrize`, and says nothing that pytest would not say: a test
passes with it exactly when it passes with pytest.
"""

from typing import Any


class pytest:
    """Stands where `import pytest` stood."""

    class raises:
        """The block, or the call, raises `expected`, with a message in which `match` is found."""

        def __init__(
            self, expected: Any, *call: Any, match: str | None = None, **named: Any
        ) -> None:
            self.expected, self.match = expected, match
            if call:
                with self:
                    call[0](*call[1:], **named)

        def __enter__(self) -> Any:
            return self

        def __exit__(self, kind: Any, value: Any, trace: Any) -> bool:
            import re

            assert kind is not None, f"did not raise {self.expected}"
            self.type, self.value = kind, value
            if not issubclass(kind, self.expected):
                return False
            if self.match is not None:
                assert re.search(self.match, str(value)), f"{self.match!r} is not in {value}"
            return True

    class approx:
        """Equal to a number, or to a list, tuple or dict of them, within a tolerance."""

        def __init__(self, expected: Any, rel: float | None = None, abs: float | None = None):
            self.expected, self.rel, self.abs = expected, rel, abs

        def __eq__(self, other: Any) -> bool:
            wanted = self.expected
            if isinstance(wanted, dict):
                return wanted.keys() == other.keys() and all(
                    self.near(value, other[key]) for key, value in wanted.items()
                )
            if isinstance(wanted, list | tuple):
                return len(wanted) == len(other) and all(map(self.near, wanted, other))
            return self.near(wanted, other)

        __hash__ = None  # type: ignore[assignment]

        def near(self, wanted: Any, got: Any) -> bool:
            """Within 1e-6 of `wanted` or 1e-12, or as was asked for; of two, the larger counts."""
            if wanted == got:
                return True
            near = 1e-12 if self.abs is None else self.abs
            if self.abs is None or self.rel is not None:
                near = max(near, (1e-6 if self.rel is None else self.rel) * abs(wanted))
            return bool(abs(wanted - got) <= near)

    class mark:
        """`parametrize` keeps its cases beside the test, which `plain_text` runs one by one."""

        @staticmethod
        def parametrize(names: Any, cases: Any) -> Any:
            """Each of `cases` as the arguments that `names` names."""
            listed = [one.strip() for one in names.split(",")] if isinstance(names, str) else names

            def keep(test: Any) -> Any:
                rows = [(case,) if len(listed) == 1 else tuple(case) for case in cases]
                before = getattr(test, "cases", [{}])
                test.cases = [
                    {**given, **dict(zip(listed, row, strict=True))}
                    for row in rows
                    for given in before
                ]
                return test

            return keep
