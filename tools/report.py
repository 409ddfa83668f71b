"""The report of a run: one HTML file with its pictures inside, readable without a network."""

from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from html import escape

from opencodeinstruct.builder.files import write_text
from opencodeinstruct.tools.births import Birth, Group, births_of, grouped
from opencodeinstruct.tools.report_plots import bars, lines
from opencodeinstruct.tools.run_folder import RunFolder, StageCounts

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 } img { max-width: 100% }
th, td { padding: .2rem .8rem; border-bottom: 1px solid #ccc; text-align: right }
th:first-child, td:first-child { text-align: left }
"""


def write_report(folder: RunFolder) -> str:
    """Write `report.html` into the run's folder from its complete stages; the file's path."""
    counts = [
        folder.stage(name).counts() for name in folder.stages if folder.stage(name).is_complete()
    ]
    evolve = folder.stage("evolve")
    births = births_of(evolve) if evolve.is_complete() else []
    note = evolve.counts().note if evolve.is_complete() else ""
    path = folder.path / "report.html"
    write_text(path, report_of(counts, births, note))
    return str(path)


def report_of(counts: Sequence[StageCounts], births: Sequence[Birth], note: str = "") -> str:
    """The report as HTML: the funnel, why rows were lost, and how the population evolved.

    It says nothing of where the run lies, so that the same answers make the same file.
    """
    parts = ["<h1>Report of a run</h1>", "<h2>Rows by stage</h2>", *_funnel(counts)]
    if any(birth.generation for birth in births):
        parts += ["<h2>Evolution</h2>", *_evolution(births, note)]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>Report of a run</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _funnel(counts: Sequence[StageCounts]) -> list[str]:
    if not counts:
        return ["<p>No stage is complete yet.</p>"]
    picture = bars([one.stage for one in counts], [("rows kept", [one.kept for one in counts])])
    rows = [
        [one.stage, one.entered, one.made, one.kept, sum(one.dropped.values()), _said(one.dropped)]
        for one in counts
    ]
    head = ["stage", "entered", "made", "kept", "dropped", "reasons"]
    return [_image(picture, "rows kept by each stage"), _table(head, rows)]


def _evolution(births: Sequence[Birth], note: str) -> list[str]:
    children = [birth for birth in births if birth.generation]
    generations = grouped(births, lambda birth: f"{birth.generation:3d}")
    operations = grouped(children, lambda birth: birth.operation)
    reasons = Counter(birth.reason for birth in children if birth.reason).most_common()
    names = [group.name.strip() for group in generations]
    lost = [group.born - group.lived for group in generations]
    sizes = [("alive", [group.lived for group in generations]), ("lost", lost)]
    diversity = [
        ("distinct runs of words", [group.diversity.distinct for group in generations]),
        ("similarity to the nearest", [group.diversity.nearest for group in generations]),
    ]
    parts = [f"<p>It ended because {escape(note)}.</p>"] if note else []
    parts += [
        "<h3>By generation</h3>",
        _image(bars(names, sizes), "questions by generation"),
        _image(lines(names, diversity), "diversity by generation"),
        "<p>Fewer distinct runs of words, or a nearest neighbour that comes closer, from one "
        "generation to the next: the questions grow alike.</p>",
        _groups(generations),
        "<h3>By operation</h3>",
        _image(
            bars(
                [group.name for group in operations],
                [
                    ("alive", [group.lived for group in operations]),
                    ("lost", [group.born - group.lived for group in operations]),
                ],
            ),
            "questions by operation",
        ),
        _groups(operations),
    ]
    if reasons:
        parts += [
            "<h3>Why children were lost</h3>",
            _image(
                bars([str(name) for name, _ in reasons], [("lost", [n for _, n in reasons])]),
                "reasons of loss",
            ),
        ]
    return parts


def _groups(groups: Sequence[Group]) -> str:
    head = ["", "born", "alive", "yield", "tokens for one alive", "distinct", "nearest", "lost to"]
    rows = [
        [
            group.name.strip(),
            group.born,
            group.lived,
            f"{group.share:.0%}",
            f"{group.tokens / group.lived:,.0f}" if group.lived else "-",
            _share(group.diversity.distinct),
            _share(group.diversity.nearest),
            _said(group.reasons),
        ]
        for group in groups
    ]
    return _table(head, rows)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _said(reasons: dict[str, int]) -> str:
    ranked = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{name} {count}" for name, count in ranked)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines_ = ["<table><tr>" + "".join(f"<th>{escape(name)}</th>" for name in head) + "</tr>"]
    for row in rows:
        cells = "".join(
            f"<td>{escape(f'{cell:,}' if isinstance(cell, int) else str(cell))}</td>"
            for cell in row
        )
        lines_.append(f"<tr>{cells}</tr>")
    return "\n".join([*lines_, "</table>"])


def _image(png: bytes, said: str) -> str:
    return f'<img alt="{escape(said)}" src="data:image/png;base64,{b64encode(png).decode()}">'
