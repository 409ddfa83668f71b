"""The dataset card, `README.md`, as a function of the shards and of what the run knows.

Names, licences and reasons come from users and models. Each is put on one line and escaped for the
place where it stands, so that none can break the YAML or the Markdown.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from opencodeinstruct.builder.schema import COLUMNS
from opencodeinstruct.builder.subsets import BUCKETS, DOMAINS, JUDGE_SCORES, SUBSETS
from opencodeinstruct.dataset_card.examples import HERE
from opencodeinstruct.dataset_card.facts import BuildFacts, Part, parts_of
from opencodeinstruct.dataset_card.metadata import front_matter, one_line
from opencodeinstruct.dataset_card.plots import BUCKET_LABELS, Plot
from opencodeinstruct.dataset_card.stats import Stats, known

PLOTS = "plots"
"""The folder of the pictures, inside the dataset folder."""

_ROLES = ("generator", "solver", "tester", "judge")

MOST_VALUES = 20
"""Rows of a table of values; the others are counted together."""


@dataclass(frozen=True, slots=True)
class KeptOut:
    """A benchmark: its items, as each part that was compared with it counts them; those parts."""

    name: str
    items: tuple[int, ...]
    parts: tuple[int, ...]
    everywhere: bool


def card(
    folder: Path, stats: Stats, facts: BuildFacts, plots: Sequence[Plot], *, license: str
) -> str:
    """The text of `README.md` for the dataset in `folder`, which holds its shards already.

    `stats` are those of `folder`; `plots` lie, or will lie, in its folder `PLOTS`.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown: foreign text goes through a filter below
    )
    environment.filters.update(
        md=escaped,
        code=code_span,
        cell=code_cell,
        fence=fenced,
        quoted=quoted,
        known=known,
        count="{:,}".format,
    )
    return environment.get_template("template.md.jinja").render(
        front_matter=front_matter(
            stats,
            folder,
            pretty_name=facts.pretty_name,
            license=license,
            sources=facts.source_datasets,
            subsets=(*SUBSETS, *facts.subsets),
        ),
        facts=facts,
        parts=parts_of(facts, stats.rows),
        license=license,
        stats=stats,
        subsets=[(subset, stats.subset(subset)) for subset in (*SUBSETS, *facts.subsets)],
        domains=DOMAINS,
        scores=JUDGE_SCORES,
        buckets=BUCKETS,
        bucket_labels=BUCKET_LABELS,
        judge_by_bucket=stats.judge_by_bucket(),
        ranked=ranked,
        roles=_ROLES,
        models_named=any(known(stats.values[f"{role}_model"]) for role in _ROLES),
        columns=columns_table(),
        plots={plot.name: plot for plot in plots},
        plots_folder=PLOTS,
        place=facts.repo_id or HERE,
        contaminated=_contaminated,
        kept_out=_kept_out(parts_of(facts, stats.rows)),
    )


def columns_table() -> str:
    """A Markdown table of every column: name, type and meaning, in order."""
    lines = ["| column | type | meaning |", "|---|---|---|"]
    lines += [
        f"| `{column.name}` | `{column.type}` | {column.meaning.replace('|', chr(92) + '|')} |"
        for column in COLUMNS
    ]
    return "\n".join(lines)


def ranked(values: Counter[object]) -> list[tuple[str, int]]:
    """Values and their rows, most first; beyond `MOST_VALUES` the rest together."""
    order = sorted(values.items(), key=lambda pair: (-pair[1], str(pair[0])))
    shown = [("none" if value is None else str(value), rows) for value, rows in order]
    rest = shown[MOST_VALUES:]
    if not rest:
        return shown
    others = (f"{len(rest)} others", sum(rows for _, rows in rest))
    return [*shown[:MOST_VALUES], others]


def escaped(text: object) -> str:
    """`text` on one line, as Markdown that shows exactly it, in a sentence or a table."""
    line = one_line(str(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|~$:@])", r"\\\1", line)


def code_span(text: object) -> str:
    """`text` on one line as inline code; `none` where it is empty."""
    line = one_line(str(text))
    if not line:
        return "none"
    tick = "`" * (_longest_run(line) + 1)
    space = " " if "`" in line else ""
    return f"{tick}{space}{line}{space}{tick}"


def code_cell(text: object) -> str:
    """`text` as inline code inside a table."""
    return code_span(text).replace("|", "\\|")


def quoted(text: object) -> str:
    """`text` on one line as a string literal of Python."""
    return json.dumps(one_line(str(text)), ensure_ascii=False)


def fenced(text: str, language: str = "") -> str:
    """`text` as a block of code that nothing inside it can end."""
    sound = text.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n").strip("\n")
    fence = "`" * max(3, _longest_run(sound) + 1)
    return f"{fence}{language}\n{sound}\n{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)


def _kept_out(parts: Sequence[Part]) -> list[KeptOut]:
    """Every benchmark that some part was compared with; parts by their numbers, from 1."""
    found = []
    for name in sorted({name for part in parts for name in part.facts.benchmarks}):
        numbers = [n for n, part in enumerate(parts, 1) if name in part.facts.benchmarks]
        items = {parts[number - 1].facts.benchmarks[name] for number in numbers}
        found.append(
            KeptOut(name, tuple(sorted(items)), tuple(numbers), len(numbers) == len(parts))
        )
    return found


def _contaminated(facts: BuildFacts) -> int:
    """Rows that decontamination dropped: of questions, and again of solutions and tests."""
    steps = [step for step in facts.funnel if step.stage in ("decontaminate", "recheck")]
    return sum(sum(step.dropped.values()) for step in steps)
