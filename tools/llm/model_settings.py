"""Which model a recipe asks, and how hard: the value of `model:`, whatever form it has.

embedded                   the small model that runs in this process; also embedded:1.5b
/path/to/model.gguf        the same server with weights of your own
vllm:Qwen/Qwen2.5-7B       `vllm serve` is started on this machine; also vllm:/folder/of/a/model
vllm-offline:Qwen/Qwen3    vLLM works in this process, without a server; also with a folder
http://host:8000/v1#name   an endpoint of the OpenAI protocol; or a mapping with `base_url`
[...#name, ...#name]       several endpoints of one model; or a mapping with `endpoints`
replay:answers.jsonl       answers that `opencodeinstruct journal --export` wrote; no model at all
"""

import re
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Service = Literal["embedded", "vllm", "vllm-offline", "endpoint", "replay"]

SIZES = ("0.5b", "1.5b")
"""The embedded model's sizes, in billions of parameters; the first is what `embedded` means."""

FORMS = (
    "`embedded`, `embedded:1.5b`, the path of a .gguf file, `vllm:NAME_OR_FOLDER`, "
    "`vllm-offline:NAME_OR_FOLDER`, `replay:FILE`, `http://host:8000/v1#NAME`, "
    "a list of those, or a mapping with base_url and name"
)

_BY_KIND: dict[str, Service] = {
    "vllm": "vllm",
    "vllm-offline": "vllm-offline",
    "replay": "replay",
}

UNGUIDED = 256  # where nobody says how many requests an endpoint takes, the most that are tried
FIRST = 32  # and with how many the search for its level begins


class EndpointSettings(BaseModel):
    """One of several endpoints that serve the same model."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: str  # up to and including /v1
    api_key_env: str | None = None  # as for a model; the model's own where it is absent
    weight: float = Field(default=1.0, gt=0, le=1000)  # of two with room, a share of the requests
    max_concurrent_requests: int | None = Field(default=None, ge=1, le=4096)  # the model's

    @field_validator("base_url")
    @classmethod
    def _plain_url(cls, url: str) -> str:
        return base_url_of(url)

    @field_validator("api_key_env")
    @classmethod
    def _is_name(cls, name: str | None) -> str | None:
        return _name_of_variable(name)

    @model_validator(mode="before")
    @classmethod
    def _parsed(cls, value: Any) -> Any:
        return {"base_url": value} if isinstance(value, str) else value


class Prices(BaseModel):
    """What a model costs, in US dollars for a million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: float = Field(default=0.0, ge=0)
    output: float = Field(default=0.0, ge=0)
    cached: float | None = Field(default=None, ge=0)  # of the prompt, from a cache; else as prompt

    def usd(self, prompt: int, cached: int, output: int) -> float:
        """The price of so many tokens; `cached` are those of the prompt that were cached."""
        read = self.prompt * (prompt - cached)
        known = self.prompt if self.cached is None else self.cached
        return (read + known * cached + self.output * output) / 1e6


class ModelSettings(BaseModel):
    """One model and how to reach it; parsed from a string or a mapping."""

    # An input may be a secret put in the wrong place: errors never repeat it.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(min_length=1)  # for an endpoint its name there, else one of the forms above
    base_url: str | None = None  # up to and including /v1
    api_key_env: str | None = None  # the NAME of the environment variable that holds the key
    endpoints: tuple[EndpointSettings, ...] = ()  # several that serve it, in place of base_url
    # The most at once, of each endpoint; fewer while it says that it is busy. Embedded: 8 make 43
    # tokens/s in all on two cores, 4 fewer.
    max_concurrent_requests: int = Field(default=UNGUIDED, ge=1, le=4096)
    # Where an endpoint starts; at the most, where that is set.
    first_concurrent_requests: int | None = Field(default=None, ge=1, le=4096)
    # A long answer of a busy server takes minutes; the embedded one shares two cores among slots.
    request_timeout_seconds: float = Field(default=600, gt=0, le=86_400)
    attempts: int = Field(default=6, ge=1, le=100)  # waits of 0.5 to 8 s: half a minute at most
    first_wait_seconds: float = Field(default=0.5, ge=0, le=60)  # doubles with each attempt
    # How long requests wait for an endpoint that served and is gone, before rows are deferred.
    patience_seconds: float = Field(default=600, ge=0, le=86_400)
    context_tokens: int = Field(default=4096, ge=512, le=131_072)  # of the embedded server, a slot
    price: Prices = Prices()  # counts what is spent, for --budget-usd and the table of usage

    @property
    def service(self) -> Service:
        """What serves the model: an endpoint, a server started here, or recorded answers."""
        if self.base_url is not None or self.endpoints:
            return "endpoint"
        kind = self.name.partition(":")[0]
        return _BY_KIND.get(kind, "embedded")

    def places(self) -> tuple[EndpointSettings, ...]:
        """The endpoints that serve the model, each with its key and limit; none where it is ours.

        The same place twice counts once, with its weights added.
        """
        single = EndpointSettings.model_construct(base_url=self.base_url or "")
        found: dict[str, EndpointSettings] = {}
        for place in self.endpoints or ((single,) if self.base_url else ()):
            own = place.model_copy(
                update={
                    "api_key_env": place.api_key_env or self.api_key_env,
                    "max_concurrent_requests": place.max_concurrent_requests
                    or self.max_concurrent_requests,
                }
            )
            known = found.get(own.base_url)
            found[own.base_url] = (
                own
                if known is None
                else known.model_copy(update={"weight": known.weight + own.weight})
            )
        return tuple(found.values())

    def most_at_once(self) -> int:
        """Requests that all its endpoints together take at most."""
        limits = [place.max_concurrent_requests or 1 for place in self.places()]
        return sum(limits) or self.max_concurrent_requests

    @model_validator(mode="before")
    @classmethod
    def _parsed(cls, value: Any) -> Any:
        if isinstance(value, ModelSettings) or not isinstance(value, str | dict | list):
            return value
        given = _given(value)
        if given.get("base_url") is not None or given.get("endpoints"):
            return _of_endpoints(given)
        if not isinstance(given.get("name"), str):
            return given
        if given.get("api_key_env") is not None:
            raise ValueError("api_key_env needs base_url: a model on this machine has no key")
        return {**_local_defaults(given["name"]), **given}

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
    def _is_name(cls, name: str | None) -> str | None:
        return _name_of_variable(name)


def for_vllm(settings: ModelSettings) -> tuple[str, str]:
    """What vLLM loads, a model's name or a folder, and what the model is called.

    A folder counts by its own name, so that neither journal nor columns tell where it lies. It is
    a folder when it is one, or when it begins with `/`, `.` or `~`.
    """
    weights = settings.name.partition(":")[2]
    folder = Path(weights).expanduser()
    if not weights.startswith(("/", ".", "~")) and not folder.is_dir():
        return weights, weights
    folder = folder.resolve()
    return str(folder), folder.name or weights


def _name_of_variable(name: str | None) -> str | None:
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


def _given(value: str | dict[str, Any] | list[Any]) -> dict[str, Any]:
    """The settings that are given in whatever form, the name's own form taken apart."""
    if isinstance(value, list):
        return _of_list(value)
    if isinstance(value, str):
        return _of_string(value)
    name, elsewhere = value.get("name"), value.get("base_url") or value.get("endpoints")
    return value if elsewhere or not isinstance(name, str) else {**value, **_of_string(name)}


def _of_endpoints(given: dict[str, Any]) -> dict[str, Any]:
    """The settings of a model elsewhere; where nobody says how much it takes, that is tried."""
    if given.get("base_url") is not None and given.get("endpoints"):
        raise ValueError("base_url and endpoints: give one of them")
    if given.get("max_concurrent_requests") is not None:
        return given
    tried = {"max_concurrent_requests": UNGUIDED, "first_concurrent_requests": FIRST}
    return {**tried, **{key: value for key, value in given.items() if value is not None}}


def _of_string(text: str) -> dict[str, Any]:
    """The settings that one string stands for; ValueError where it is none of the forms."""
    text = text.strip()
    kind, _, rest = text.partition(":")
    rest = rest.strip()
    if kind == "embedded":
        return {"name": _embedded_name(rest or SIZES[0])}
    if kind in _NEEDS:
        if not rest:
            raise ValueError(f"{kind}: needs {_NEEDS[kind]}")
        return {"name": f"{kind}:{rest}"}
    if kind in ("http", "https"):
        url, _, name = text.partition("#")
        if not name:
            raise ValueError("the model's name is missing, as in http://host:8000/v1#NAME")
        return {"base_url": url, "name": name}
    if text.endswith(".gguf"):
        return {"name": text}
    raise ValueError(f"a model is {FORMS}")


_NEEDS = {
    "vllm": "the name of a model, as in vllm:Qwen/Qwen2.5-7B-Instruct",
    "vllm-offline": "the name of a model, as in vllm-offline:Qwen/Qwen2.5-7B-Instruct",
    "replay": "a file, as in replay:answers.jsonl",
}


def _of_list(values: list[Any]) -> dict[str, Any]:
    """The settings for a list of endpoints of one model; ValueError where they name several."""
    given: list[dict[str, Any]] = []
    for value in values:
        if not isinstance(value, str | dict):
            raise ValueError(f"a model is {FORMS}")
        given.append(_of_string(value) if isinstance(value, str) else dict(value))
    names = {str(one.pop("name", None)) for one in given} - {"None"}
    if len(names) != 1:
        raise ValueError(
            "endpoints of one role serve one model, so that it does not matter which of them "
            f"answers; these name {', '.join(sorted(names)) or 'none'}"
        )
    return {"name": names.pop(), "endpoints": given}


def _embedded_name(which: str) -> str:
    if which.lower() in SIZES:
        return f"embedded:{which.lower()}"
    if which.endswith(".gguf"):
        return which
    raise ValueError(f"embedded models are {' and '.join(SIZES)}, or the path of a .gguf file")


def _local_defaults(name: str) -> dict[str, Any]:
    """Defaults that differ where the model runs on this machine."""
    if name.startswith("replay:"):
        return {"max_concurrent_requests": FIRST}
    if name.startswith(("vllm:", "vllm-offline:")):
        return {"max_concurrent_requests": 128}  # vLLM batches on its own and has no rate limit
    return {"max_concurrent_requests": 8, "request_timeout_seconds": 3600.0}
