"""vLLM's own engine in this process: what `vllm-offline:` loads. vLLM is imported only here.

Prompts are made by the model's chat template and sampled with the model's own defaults where a
recipe says nothing, as `vllm serve` does; so both ways give answers of the same kind.
"""

import logging
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from opencodeinstruct.builder.errors import Missing, ProjectError, ServiceError
from opencodeinstruct.tools.llm.protocol import clean, count_of
from opencodeinstruct.tools.llm.vllm_server import COMPACT_JSON, NOT_INSTALLED, last_words
from opencodeinstruct.tools.ports import Answer, Refused, Request

_OF_THE_MODEL = (
    "top_k",
    "min_p",
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
)


def load_engine(weights: str, name: str, log: Path) -> "VllmEngine":
    """The engine with the model `weights`, a name or a folder; what vLLM logs goes to `log`.

    Takes minutes. Raises `Missing` when there is no vLLM, `ServiceError` when it cannot load the
    model.
    """
    if find_spec("vllm") is None:
        raise Missing(NOT_INSTALLED)
    _log_to(log)
    _mend_llvmlite()
    # In this very process there is nothing to be left behind when it is killed.
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    try:
        from vllm import LLM

        llm = LLM(model=weights, use_tqdm_on_load=False, structured_outputs_config=COMPACT_JSON)
        return VllmEngine(llm, name)
    except ProjectError:
        raise
    except Exception as error:  # of any library that vLLM is made of
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise ServiceError(
            f"vLLM cannot load {weights}: {said}. Its last words: {last_words(log)}. "
            f"The whole log is {log}."
        ) from error


class VllmEngine:
    """The engine of `llm`, a `vllm.LLM`, with its continuous batching."""

    def __init__(self, llm: Any, name: str) -> None:
        from vllm import exceptions

        self._engine, self._tokenizer, self._name = llm.llm_engine, llm.get_tokenizer(), name
        self._open: set[str] = set()
        self._defaults = llm.get_default_sampling_params()
        # Newer versions have a class of their own for a request that cannot be served.
        self._refusals = (ValueError, getattr(exceptions, "VLLMClientError", ValueError))
        if not getattr(self._tokenizer, "chat_template", None):
            raise ServiceError(
                f"{name} has no chat template, so it cannot be asked. Name an instruct model."
            )

    def add(self, key: str, request: Request) -> None:
        """Begin with `request`; a schema that vLLM does not take is left out, as for a server."""
        try:
            prompt = {"prompt_token_ids": self._prompt(request)}
            try:
                self._engine.add_request(key, prompt, self._params(request, guided=True))
            except self._refusals:
                if request.schema is None:
                    raise
                self._engine.add_request(key, prompt, self._params(request, guided=False))
        except (*self._refusals, TemplateError) as error:
            raise Refused(" ".join(str(error).split())[:300]) from error
        self._open.add(key)

    def drop(self, key: str) -> None:
        """Forget the request of `key`, if it is still there."""
        if key in self._open:
            self._open.remove(key)
            self._engine.abort_request([key])

    def is_busy(self) -> bool:
        """Whether any request is unfinished."""
        return bool(self._engine.has_unfinished_requests())

    def step(self) -> list[tuple[str, Answer | ProjectError]]:
        """One more token for every running request; those that are finished now."""
        outputs = [out for out in self._engine.step() if out.finished]
        self._open.difference_update(out.request_id for out in outputs)
        return [(out.request_id, self._outcome(out)) for out in outputs]

    def _prompt(self, request: Request) -> list[int]:
        messages = [{"role": m.role, "content": clean(m.content)} for m in request.messages]
        text = self._tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=False
        )
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def _params(self, request: Request, *, guided: bool) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

        schema = request.schema if guided else None
        return SamplingParams(
            **{key: getattr(self._defaults, key) for key in _OF_THE_MODEL},
            **request.sampling.model_dump(),
            seed=request.seed,
            output_kind=RequestOutputKind.FINAL_ONLY,
            structured_outputs=schema and StructuredOutputsParams(json=dict(schema)),
        )

    def _outcome(self, out: Any) -> Answer | ProjectError:
        said = out.outputs[0]
        if said.finish_reason not in ("stop", "length"):
            return ServiceError(
                f"vLLM gave up on a request to {self._name} ({said.finish_reason}). "
                "Run the same command again."
            )
        return Answer(
            text=clean(said.text),
            model=self._name,
            finish_reason=said.finish_reason,
            prompt_tokens=len(out.prompt_token_ids or ()),
            completion_tokens=len(said.token_ids),
            cached_tokens=count_of(out.num_cached_tokens),
        )


def _mend_llvmlite() -> None:
    """Let vLLM look at the handle of numba's library, which our own stages may have loaded.

    The CPU build of vLLM 0.32 takes `__dict__` of whatever it finds in any module; the handle takes
    that for a function of the library. Its table of functions comes first: it says "none" there.
    """
    handle = getattr(sys.modules.get("llvmlite.binding.ffi"), "lib", None)
    table = getattr(handle, "_fntab", None)
    if isinstance(table, dict):
        table["__dict__"] = {}


def _log_to(log: Path) -> None:
    """Send what vLLM logs to `log` and not to our own output, unless the user set that up."""
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch()
    logger = logging.getLogger("vllm")
    if {"VLLM_CONFIGURE_LOGGING", "VLLM_LOGGING_CONFIG_PATH"} & set(os.environ):
        return
    os.environ["VLLM_CONFIGURE_LOGGING"] = "0"
    logger.setLevel(logging.INFO)
    logger.propagate = False
    handler = logging.FileHandler(log, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
