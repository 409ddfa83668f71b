"""Secrets and e-mail addresses in what is about to be published.

Models repeat what they were trained on, and seeds are other people's code, so a key or somebody's
address may stand in any text. Found are keys by their well-known forms, private keys, passwords in
addresses, and e-mail addresses outside the domains that are reserved or customary for examples. Not
found are secrets without a form of their own (a password in prose, a key without a prefix), names,
telephone numbers and addresses of streets.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from opencodeinstruct.builder.errors import RunFolderError

SECRET, EMAIL = "secret", "email"

_FORMS = (
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",  # AWS
    r"\bgh[pousr]_[A-Za-z0-9]{36,}\b",  # GitHub
    r"\bgithub_pat_[A-Za-z0-9_]{60,}\b",
    r"\bglpat-[A-Za-z0-9_-]{20,}",  # GitLab
    r"\bhf_[A-Za-z]{30,}\b",  # Hugging Face
    r"\bsk-(?:proj-|ant-|or-v1-|svcacct-)?[A-Za-z0-9_-]{32,}",  # OpenAI, Anthropic, OpenRouter
    r"\b(?:sk|rk)_live_[A-Za-z0-9]{20,}\b",  # Stripe
    r"\bxox[abeoprs]-[A-Za-z0-9-]{20,}",  # Slack
    r"\bAIza[0-9A-Za-z_-]{35}\b",  # Google
    r"\bnpm_[A-Za-z0-9]{36}\b",
    r"\bpypi-AgE[A-Za-z0-9_-]{50,}",
    r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b",  # SendGrid
    r"\beyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{20,}",  # a signed JWT
    r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    r"\b[a-z][a-z0-9+]{2,9}://[^\s/:@'\"<>{}$]{1,64}:[^\s/:@'\"<>{}$]{3,64}@[A-Za-z0-9.-]+",
)
_EMAIL = r"\b[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,12}\b"
_SECRET_RE, _EMAIL_RE = re.compile("|".join(_FORMS), re.ASCII), re.compile(_EMAIL, re.ASCII)

_ENDINGS = re.compile(
    r"com|org|net|edu|gov|mil|int|info|biz|name|io|ai|dev|app|co|me|tv|cloud|tech|xyz|online|site|"
    r"us|uk|de|fr|it|es|pt|nl|be|ch|at|dk|se|no|fi|pl|cz|ru|ua|cn|jp|kr|in|au|nz|ca|br|mx|ar|za|eu|"
    r"ie|gr|hu|ro|tr|il|sg|hk|tw|id|my|th|vn|ph"
)
"""Where the name after the last dot is none of these, `a@b.c` is a product of matrices."""

_EXAMPLE = re.compile(
    r"example\d*|test\d*|invalid|localhost|domain|email|mail|company|mycompany|mydomain|site|mysite|"
    r"website|sample|foo|bar|baz|abc|xyz|acme|corp|demo|provider|server|host"
)
"""Parts of domains that are reserved for examples (RFC 2606), or that examples use."""

_PLACEHOLDER = re.compile(
    r"^(?:user|username|name|you|your[._-]?\w*|me|someone|somebody|test\w*|example\w*|foo|bar|baz|"
    r"john|jane|j?\.?doe|john[._-]?doe|jane[._-]?doe|alice|bob|charlie|admin|info|support|contact|"
    r"hello|noreply|no-reply|git|[a-z]\w?)\d*$",
    re.IGNORECASE,
)
"""Names before the @ that stand for nobody."""

_FORMULAIC = re.compile(r"(?:x{6,}|\*{4,}|0{8,}|12345678|your|example|placeholder)", re.IGNORECASE)
"""What a secret holds that is none: a form to be filled in."""

_PASSWORDS = frozenset(("password", "passwd", "pass", "pwd", "secret", "user", "username", "root"))


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found: `text` in `column` of row `row` (from 1) of `file`, with the row's id.

    In a file that is no table `column` and `id` are empty and `row` is the line.
    """

    kind: str
    file: str
    row: int
    id: str
    column: str
    text: str

    @property
    def shown(self) -> str:
        """`text` as it may be printed: of a secret its beginning only."""
        return (
            self.text if self.kind == EMAIL else f"{self.text[:8]}… ({len(self.text)} characters)"
        )

    @property
    def place(self) -> str:
        """Where it stands, for a person who wants to remove it."""
        if not self.column:
            return f"{self.file}, line {self.row}"
        return f"{self.file}, row {self.row}, column {self.column}, id {self.id}"


def scan(
    folder: Path, files: Collection[str], *, allowed: Collection[str] = ()
) -> Iterator[Finding]:
    """What is found in `files` of `folder`, tables (`.parquet`) and texts (`.md`), in order.

    `allowed` holds kinds that are not looked for, and texts that are no finding. One row group is
    in memory at a time. Raises `RunFolderError` for a file that cannot be read.
    """
    for name in sorted(files):
        path = folder / name
        try:
            if name.endswith(".parquet"):
                yield from _of_table(path, name, allowed)
            elif name.endswith(".md"):
                text = path.read_text(encoding="utf-8")
                for number, line in enumerate(text.splitlines(), start=1):
                    for kind, found in found_in(line, allowed):
                        yield Finding(kind, name, number, "", "", found)
        except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
            raise RunFolderError(f"{path}: cannot be read. Build it again.") from error


def found_in(text: str, allowed: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """Kind and text of everything found in `text`, but what is `allowed`."""
    seen: set[str] = set(allowed)
    if SECRET not in allowed:
        for match in _SECRET_RE.finditer(text):
            if match[0] not in seen and not _no_secret(match[0]):
                seen.add(match[0])
                yield SECRET, match[0]
    if EMAIL not in allowed:
        for match in _EMAIL_RE.finditer(text):
            called = text[match.end() : match.end() + 1] == "("  # `A@B.in()` is code
            if match[0] not in seen and not called and not _no_address(match[0]):
                seen.add(match[0])
                yield EMAIL, match[0]


def _of_table(path: Path, name: str, allowed: Collection[str]) -> Iterator[Finding]:
    with pq.ParquetFile(path) as shard:
        texts = [field.name for field in shard.schema_arrow if _holds_text(field.type)]
        before = 0
        for group in range(shard.num_row_groups):
            table = shard.read_row_group(group, columns=list(dict.fromkeys(["id", *texts])))
            for column in texts:
                for row, text in _suspects(table[column], allowed):
                    for kind, found in found_in(text, allowed):
                        number, known = before + row + 1, str(table["id"][row].as_py())
                        yield Finding(kind, name, number, known, column, found)
            before += table.num_rows


def _holds_text(kind: pa.DataType) -> bool:
    return bool(kind == pa.string() or (pa.types.is_list(kind) and kind.value_type == pa.string()))


def _suspects(column: pa.ChunkedArray, allowed: Collection[str]) -> Iterator[tuple[int, str]]:
    """The rows, from 0, whose text may hold something, by a cheap look at all of them."""
    column = column.combine_chunks()
    if pa.types.is_list(column.type):
        owners, values = pc.list_parent_indices(column), pc.list_flatten(column)
    else:
        owners, values = None, column
    patterns = [*(() if SECRET in allowed else _FORMS), *(() if EMAIL in allowed else (_EMAIL,))]
    if not patterns or not len(values):
        return
    suspect = pc.match_substring_regex(values, "|".join(patterns))
    for place in pc.indices_nonzero(suspect).to_pylist():
        yield (place if owners is None else owners[place].as_py()), values[place].as_py()


def _no_secret(text: str) -> bool:
    """Whether it is a form to be filled in, or an address with a password of an example."""
    if _FORMULAIC.search(text):
        return True
    before, _, host = text.rpartition("@")
    if "://" not in text:
        return False
    password = before.rpartition(":")[2].lower()
    return password in _PASSWORDS or _of_an_example(host)


def _no_address(text: str) -> bool:
    """Whether it is nobody's address: an example's, or no address at all."""
    name, _, domain = text.rpartition("@")
    if not _ENDINGS.fullmatch(domain.lower().rpartition(".")[2]):
        return True
    return _of_an_example(domain) or bool(_PLACEHOLDER.match(name))


def _of_an_example(domain: str) -> bool:
    return any(_EXAMPLE.fullmatch(part) for part in domain.lower().split("."))
