"""Golden files: what a test's text is to be, word for word, under `tests/golden/`.

After a change that is meant, renew them and read the difference before it is committed:

    RENEW_GOLDEN=1 python -m pytest tests/test_prompt.py
    git diff tests/golden
"""

import os
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def assert_golden(name: str, text: str) -> None:
    """`text` is what `tests/golden/<name>` holds; with RENEW_GOLDEN set it is written there."""
    path = GOLDEN / name
    if os.environ.get("RENEW_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path} is missing: RENEW_GOLDEN=1 python -m pytest writes it"
    assert text == path.read_text(encoding="utf-8"), f"differs from {path}; see tests/golden.py"
