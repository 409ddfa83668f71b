"""The report as JSON and as one page of HTML that needs nothing beside it."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from opencodeinstruct.tools.contamination.examine import BINS, Example, Findings, Report
from opencodeinstruct.tools.text.matches import DETECTORS, common_words

NAMES = {
    "ngrams": "long runs of words",
    "containment": "words in their order",
    "code": "code without names",
}
"""What each detector looks for, in words."""

_COLOURS = {"ngrams": "#4c72b0", "containment": "#c44e52", "code": "#55a868"}
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem;
  color: #222; background: #fff }
h1, h2, h3 { line-height: 1.2 } h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccc }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .25rem .7rem; text-align: left; border-bottom: 1px solid #ddd }
td.n, th.n { text-align: right }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f6f6f6; padding: .7rem;
  font-size: 12.5px; margin: .3rem 0; max-height: 24rem; overflow: auto }
mark { background: #ffe08a } .small { color: #666; font-size: 13px }
details { margin: .6rem 0 } summary { cursor: pointer }
"""


def as_json(report: Report, told: dict[str, Any]) -> dict[str, Any]:
    """The report as plain values; `told` is what else is known of the rows."""
    return {
        **told,
        "rows": report.rows,
        "rows_flagged": report.flagged,
        "settings": report.settings.model_dump(mode="json"),
        "benchmarks": [_findings(findings) for findings in report.findings],
    }


def _findings(findings: Findings) -> dict[str, Any]:
    return {
        "benchmark": findings.name,
        "origin": findings.origin,
        "items": findings.items,
        "items_touched": len(findings.touched),
        "touched": sorted(findings.touched),
        "rows": findings.rows,
        "rows_by_detector": findings.by_detector,
        "rows_by_one_detector_only": findings.only_by,
        "scores": {"from": 0, "to": 1, "bins": BINS, "rows": findings.scores},
        "recall_on_planted_copies": {
            kind: {
                "copies": one.copies,
                "found": one.found,
                "recall": one.found / one.copies if one.copies else None,
                "by_detector": one.by_detector,
            }
            for kind, one in findings.planted.items()
        },
        "matches": [_example(one) for one in findings.matches],
        "near": [_example(one) for one in findings.near],
    }


def _example(one: Example) -> dict[str, Any]:
    return {
        "row": one.row,
        "column": one.column,
        "item": one.item,
        "part": one.part,
        "detector": one.detector,
        "score": one.score,
        "row_text": one.text,
        "part_text": one.part_text,
    }


def as_html(report: Report, told: dict[str, Any]) -> str:
    """The report as a page; all text of rows and benchmarks is escaped."""
    source = escape(str(told.get("source", "the rows")))
    share = report.flagged / report.rows if report.rows else 0
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8>",
        f"<title>Contamination of {source}</title><style>{_STYLE}</style></head><body>",
        f"<h1>Contamination of {source}</h1>",
        f"<p>{report.flagged:,} of {report.rows:,} rows ({share:.2%}) hold a part of a benchmark. "
        f"Compared: {escape(', '.join(told.get('fields', ())))}.</p>",
        *([_unreadable(told)] if told.get("unreadable") else []),
        _overview(report),
        *(_benchmark(findings) for findings in report.findings),
        "</body></html>",
    ]
    return "\n".join(parts)


def _unreadable(told: dict[str, Any]) -> str:
    first = escape("; ".join(told.get("first_unreadable", ())))
    return f"<p><strong>{told['unreadable']:,} lines could not be read</strong>: {first}</p>"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; every column but the first is of numbers."""

    def cells(tag: str, row: Sequence[object]) -> str:
        return "".join(
            f"<{tag}{' class=n' if number else ''}>{escape(str(value))}</{tag}>"
            for number, value in enumerate(row)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><tr>{cells('th', head)}</tr>{body}</table>"


def _overview(report: Report) -> str:
    head = ["benchmark", "items", "items touched", "rows"]
    for name in DETECTORS:
        head += [NAMES[name], "by it only"]
    rows = []
    for one in report.findings:
        row: list[object] = [one.name, f"{one.items:,}", f"{len(one.touched):,}", f"{one.rows:,}"]
        for name in DETECTORS:
            row += [f"{one.by_detector[name]:,}", f"{one.only_by[name]:,}"]
        rows.append(row)
    return _table(head, rows)


def _benchmark(findings: Findings) -> str:
    return "\n".join(
        [
            f"<h2>{escape(findings.name)}</h2>",
            f"<p class=small>From {escape(findings.origin)}; {findings.items:,} items.</p>",
            "<h3>How alike rows and items are</h3>",
            "<p class=small>Rows by the highest score of each detector, on a logarithmic scale. "
            "Rows that share next to nothing are not shown.</p>",
            _picture(findings),
            "<h3>What is found of copies planted by this tool</h3>",
            _recall(findings),
            "<h3>Matches</h3>",
            *(_pair(one) for one in findings.matches),
            "" if findings.matches else "<p>None.</p>",
            "<h3>Just below the threshold</h3>",
            "<p class=small>These rows count as clean. Look at them.</p>",
            *(_pair(one) for one in findings.near),
            "" if findings.near else "<p>None.</p>",
        ]
    )


def _recall(findings: Findings) -> str:
    rows = []
    for kind, one in findings.planted.items():
        if one.copies:
            shares = [f"{one.by_detector[name] / one.copies:.3f}" for name in DETECTORS]
            rows.append([kind, one.copies, f"{one.found / one.copies:.3f}", *shares])
    return _table(["kind", "copies", "found", *(NAMES[name] for name in DETECTORS)], rows)


def _picture(findings: Findings) -> str:
    """The distribution of scores as an SVG: a group of bars for each column of scores."""
    most = max((n for counts in findings.scores.values() for n in counts), default=0)
    if not most:
        return "<p>No row shares anything.</p>"
    scale = 150 / len(f"{most}") if most > 1 else 100
    bars = []
    for place, name in enumerate(DETECTORS):
        for column, count in enumerate(findings.scores[name]):
            height = scale * _magnitude(count)
            x = 40 + column * 40 + place * 12
            bars.append(
                f'<rect x="{x}" y="{170 - height:.1f}" width="11" height="{height:.1f}" '
                f'fill="{_COLOURS[name]}"><title>{column / BINS:.2f} to {(column + 1) / BINS:.2f}: '
                f"{count:,} rows by {NAMES[name]}</title></rect>"
            )
    ticks = [
        f'<text x="{40 + tick * 80}" y="188" font-size="12">{tick / 10:.1f}</text>'
        for tick in range(11)
    ]
    legend = [
        f'<rect x="{300 + n * 190}" y="4" width="11" height="11" fill="{_COLOURS[name]}"/>'
        f'<text x="{316 + n * 190}" y="14" font-size="12">{NAMES[name]}</text>'
        for n, name in enumerate(DETECTORS)
    ]
    label = f"Rows by highest score; the highest column has {most:,} rows"
    return (
        f'<svg viewBox="0 0 880 200" role="img" aria-label="{label}" width="100%">'
        f'<line x1="38" y1="170" x2="850" y2="170" stroke="#888"/>'
        f"{''.join(bars)}{''.join(ticks)}{''.join(legend)}</svg>"
    )


def _magnitude(count: int) -> float:
    """About one more than the logarithm to base 10; 0 for 0."""
    if count <= 0:
        return 0.0
    digits = len(f"{count}") - 1
    return 1 + digits + (count / 10**digits - 1) / 9 if count > 1 else 0.5


def _pair(one: Example) -> str:
    theirs, own = common_words(one.text, one.part_text)
    told = f"row {one.row:,}, {one.column}: {one.item}, {one.part}"
    return (
        f"<details open><summary>{escape(told)} <span class=small>{NAMES[one.detector]}, score "
        f"{one.score:.2f}</span></summary><div class=pair><div><span class=small>the row</span>"
        f"<pre>{_marked(one.text, theirs)}</pre></div><div><span class=small>the benchmark</span>"
        f"<pre>{_marked(one.part_text, own)}</pre></div></div></details>"
    )


def _marked(text: str, places: Sequence[tuple[int, int]]) -> str:
    """`text` escaped, with the bytes at `places` marked; neighbours in one mark."""
    data = text.encode("utf-8", "replace")
    parts: list[str] = []
    at = 0
    for begin, end in _joined(data, places):
        parts.append(escape(data[at:begin].decode("utf-8", "replace")))
        parts.append(f"<mark>{escape(data[begin:end].decode('utf-8', 'replace'))}</mark>")
        at = end
    return "".join(parts) + escape(data[at:].decode("utf-8", "replace"))


def _joined(data: bytes, places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for begin, end in places:
        if joined and not data[joined[-1][1] : begin].strip():
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    return joined
