"""Which model a recipe asks, and how hard: the value of `model:`, whatever form it has.

embedded                   the small model that runs in this process; also embedded:1.5b
/path/to/model.gguf        the same server with weights of your own
vllm:Qwen/Qwen2.5-7B       `vllm serve` is started on this machine
http://host:8000/v1#name   an endpoint of the OpenAI protocol; or a mapping with `base_url`
"""

import re
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

Service = Literal["embedded", "vllm", "endpoint"]

SIZES = ("0.5b", "1.5b")
"""The embedded model's sizes, in billions of parameters; the first is what `embedded` means."""

FORMS = (
    "`embedded`, `embedded:1.5b`, the path of a .gguf file, `vllm:NAME`, "
    "`http://host:8000/v1#NAME` or a mapping with base_url and name"
)


class ModelSettings(BaseModel):
    """One model and how to reach it; parsed from a string or a mapping."""

    # An input may be a secret put in the wrong place: errors never repeat it.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(min_length=1)  # for an endpoint its name there, else one of the forms above
    base_url: str | None = None  # up to and including /v1
    api_key_env: str | None = None  # the NAME of the environment variable that holds the key
    # Embedded: 43 tokens/s in all with 8 slots on two cores, fewer with 4. A remote endpoint:
    # enough to keep a server busy, below the usual limits of hosted ones.
    max_concurrent_requests: int = Field(default=32, ge=1, le=1024)
    # A long answer of a busy server takes minutes; the embedded one shares two cores among slots.
    request_timeout_seconds: float = Field(default=600, gt=0, le=86_400)
    attempts: int = Field(default=6, ge=1, le=100)  # waits of 0.5 to 8 s: half a minute at most
    first_wait_seconds: float = Field(default=0.5, ge=0, le=60)  # doubles with each attempt
    context_tokens: int = Field(default=4096, ge=512, le=131_072)  # of the embedded server, a slot

    @property
    def service(self) -> Service:
        """What serves the model: the embedded server, a vLLM started here, or an endpoint."""
        if self.base_url is not None:
            return "endpoint"
        return "vllm" if self.name.startswith("vllm:") else "embedded"

    @model_validator(mode="before")
    @classmethod
    def _parsed(cls, value: Any) -> Any:
        if isinstance(value, ModelSettings) or not isinstance(value, str | dict):
            return value
        given = _of_string(value) if isinstance(value, str) else dict(value)
        name = given.get("name")
        if given.get("base_url") is not None or not isinstance(name, str):
            return given
        given = {**given, **_of_string(name)}
        if given.get("base_url") is None:
            if given.get("api_key_env") is not None:
                raise ValueError("api_key_env needs base_url: a model on this machine has no key")
            given = {**_local_defaults(given["name"]), **given}
        return given

    @field_validator("name")
    @classmethod
    def _one_line(cls, name: str) -> str:
        if name != name.strip() or not name.isprintable():
            raise ValueError("a model's name has no spaces around it and no line breaks")
        return name

    @field_validator("base_url")
    @classmethod
    def _plain_url(cls, url: str | None) -> str | None:
        return None if url is None else base_url_of(url)

    @field_validator("api_key_env")
    @classmethod
    def _name_of_variable(cls, name: str | None, _: ValidationInfo) -> str | None:
        if name is not None and not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
            raise ValueError(
                "not the name of an environment variable, like MY_API_KEY; the key itself is "
                "never written into a recipe"
            )
        return name


def base_url_of(text: str) -> str:
    """`text` as the URL that `/chat/completions` is added to; `/v1` where it has no path.

    Raises ValueError for anything but a plain http(s) URL.
    """
    try:
        parts = urlsplit(text.strip())
        port_is_good = parts.port != 0
    except ValueError:
        raise ValueError("base_url is not a URL like http://host:8000/v1") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_good:
        raise ValueError("base_url is not a URL like http://host:8000/v1")
    if parts.username is not None or parts.password is not None:
        raise ValueError("base_url holds a user or password; name a variable with api_key_env")
    if parts.query or parts.fragment:
        raise ValueError("base_url has a part after ? or #; give the URL up to /v1")
    path = parts.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
    return f"{parts.scheme}://{parts.netloc}{path}"


def _of_string(text: str) -> dict[str, Any]:
    """The settings that one string stands for; ValueError where it is none of the forms."""
    text = text.strip()
    kind, _, rest = text.partition(":")
    if kind == "embedded":
        return {"name": _embedded_name(rest.strip() or SIZES[0])}
    if kind == "vllm":
        if not rest.strip():
            raise ValueError("vllm: needs the name of a model, as in vllm:Qwen/Qwen2.5-7B-Instruct")
        return {"name": f"vllm:{rest.strip()}"}
    if kind in ("http", "https"):
        url, _, name = text.partition("#")
        if not name:
            raise ValueError("the model's name is missing, as in http://host:8000/v1#NAME")
        return {"base_url": url, "name": name}
    if text.endswith(".gguf"):
        return {"name": text}
    raise ValueError(f"a model is {FORMS}")


def _embedded_name(which: str) -> str:
    if which.lower() in SIZES:
        return f"embedded:{which.lower()}"
    if which.endswith(".gguf"):
        return which
    raise ValueError(f"embedded models are {' and '.join(SIZES)}, or the path of a .gguf file")


def _local_defaults(name: str) -> dict[str, Any]:
    """Defaults that differ where the model runs on this machine."""
    if name.startswith("vllm:"):
        return {"max_concurrent_requests": 128}  # vLLM batches on its own and has no rate limit
    return {"max_concurrent_requests": 8, "request_timeout_seconds": 3600.0}
