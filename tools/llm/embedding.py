"""Vectors of texts by a sentence-transformers model: an extra, and in this process.

The package is looked for when a recipe asks for it and not before: it brings torch.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opencodeinstruct.builder.errors import Missing
from opencodeinstruct.tools.ports import Embed

_BATCH = 32  # texts put through the model at a time


def embedder(model: str) -> Embed:
    """The `Embed` of `model`: a name on the Hub, `NAME@COMMIT`, or a folder.

    `Missing` where the extra is not installed or the model cannot be had. No code that lies beside
    a model is run. Texts that are longer than the model reads are cut there.
    """
    try:
        package = importlib.import_module("sentence_transformers")
    except ImportError as error:
        raise Missing(
            "decontaminate.semantic needs the package sentence-transformers, which is not here "
            f"({error}). Install it with `pip install 'opencodeinstruct[semantic]'`, or remove "
            "`semantic` from the recipe."
        ) from error
    loaded = _loaded(package, model)

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        found = loaded.encode(
            list(texts), batch_size=_BATCH, show_progress_bar=False, convert_to_numpy=True
        )
        return np.asarray(found, np.float32)

    return embed


def _loaded(package: Any, model: str) -> Any:
    name, _, commit = (model, "", "") if Path(model).exists() else model.partition("@")
    try:
        return package.SentenceTransformer(name, revision=commit or None, trust_remote_code=False)
    except (OSError, ValueError, RuntimeError, ImportError, KeyError) as error:
        why = str(error).strip().splitlines() or [type(error).__name__]
        raise Missing(
            f"decontaminate.semantic.model: {model} cannot be loaded ({why[0].rstrip('.')}). Give "
            "the name of a sentence-transformers model on the Hub, or the path of its folder."
        ) from error
