"""The pictures of the card, as PNG bytes: the same counts give the same picture.

Drawn without pyplot, so nothing is shown and no state is shared. Quantities are one blue, the heat
map is cividis and what is dropped is orange: told apart without red and green.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from opencodeinstruct.builder.subsets import BUCKETS, JUDGE_SCORES
from opencodeinstruct.dataset_card.facts import Step
from opencodeinstruct.dataset_card.stats import Lengths, Stats, known

if TYPE_CHECKING:  # matplotlib is loaded where a picture is drawn: it takes most of a second
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#0072B2", "#E69F00", "#666666"
BUCKET_LABELS = {
    "none": "none",
    "low": "some, < half",
    "high": "half or more",
    "most": "90% or more",
    "all": "all",
}
MOST_BARS = 12


@dataclass(frozen=True, slots=True)
class Plot:
    """One picture: its file name, what it shows in a sentence, and its PNG bytes."""

    name: str
    alt: str
    png: bytes


def draw(stats: Stats, funnel: Sequence[Step] = ()) -> list[Plot]:
    """All pictures of a dataset, in the order of the card; the funnel only if there is one."""
    plots = [
        _plot("judge.png", "Rows by judge score, the least of three.", _judge, stats),
        _plot("pass_rate.png", "Rows by share of tests passed.", _pass_rate, stats),
        _plot("judge_by_pass.png", "Rows by judge score and tests passed.", _judge_by_pass, stats),
        _plot("lengths.png", "Rows by length of question and answer.", _lengths, stats),
    ]
    if known(stats.values["operation"]):
        plots.append(
            _plot("generations.png", "Rows by generation and by operation.", _generations, stats)
        )
    if funnel:
        plots.append(_plot("funnel.png", "Rows kept and dropped by each stage.", _funnel, funnel))
    return plots


def prepare() -> None:
    """Load what draws, so that it is there when the counts are."""
    import_module("matplotlib.style")
    import_module("matplotlib.backends.backend_agg")


def _plot(name: str, alt: str, paint: Callable[["Figure", Any], None], data: object) -> Plot:
    import matplotlib as mpl
    import matplotlib.style
    from matplotlib.figure import Figure

    with (
        mpl.style.context("default", after_reset=True),
        mpl.rc_context({"text.parse_math": False, "font.size": 10}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(7.2, 3.8), dpi=144, layout="constrained")
        paint(figure, data)
        file = BytesIO()
        figure.savefig(file, format="png", metadata={"Software": None})
    return Plot(name, alt, file.getvalue())


def _whole_ticks(axis: Any, most: int) -> None:
    """At most `most` marks on `axis`, at whole numbers."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(most, integer=True))


def _judge(figure: "Figure", stats: Stats) -> None:
    rows: Counter[int | None] = Counter()
    for (_, judge, _, _), count in stats.cells.items():
        rows[judge] += count
    axes = figure.subplots()
    _bars(axes, [str(score) for score in JUDGE_SCORES], [rows[score] for score in JUDGE_SCORES])
    axes.set(title="Judge score", xlabel="least of the three scores (1 to 5)", ylabel="rows")


def _pass_rate(figure: "Figure", stats: Stats) -> None:
    labels = ["0", *(f"{low}-{low + 10}" for low in range(0, 100, 10)), "100"]
    rows = [0] * 12
    for (_, _, passed, total), count in stats.cells.items():
        if passed is not None and total:
            rows[_rate_bar(passed, total)] += count
    axes = figure.subplots()
    _bars(axes, labels, rows)
    axes.set(
        title="Tests passed",
        xlabel="share of tests passed (%; a bar holds its lower end; 0 and 100 by themselves)",
        ylabel="rows",
    )


def _rate_bar(passed: int, total: int) -> int:
    """Place of a share among 0, ten bars of ten percent, and 100."""
    if passed in (0, total):
        return 0 if passed == 0 else 11
    return 1 + 10 * passed // total


def _judge_by_pass(figure: "Figure", stats: Stats) -> None:
    table = stats.judge_by_bucket()
    shares = np.array([[table[score, bucket] for bucket in BUCKETS] for score in JUDGE_SCORES])
    shares = 100 * shares / max(1, stats.rows)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="cividis", aspect="auto", origin="lower", vmin=0)
    for row, score in enumerate(JUDGE_SCORES):
        for column, bucket in enumerate(BUCKETS):
            dark = shares[row, column] < 0.6 * shares.max()
            axes.text(
                column,
                row,
                f"{table[score, bucket]:,}",
                ha="center",
                va="center",
                color="white" if dark else "black",
            )
    axes.set_xticks(range(len(BUCKETS)), [BUCKET_LABELS[bucket] for bucket in BUCKETS])
    axes.set_yticks(range(len(JUDGE_SCORES)), [str(score) for score in JUDGE_SCORES])
    axes.set(title="Judge score and tests passed", xlabel="tests passed", ylabel="judge score")
    figure.colorbar(image, ax=axes, label="share of rows (%)")


def _lengths(figure: "Figure", stats: Stats) -> None:
    for axes, name, title in zip(
        figure.subplots(1, 2), ("input", "output"), ("Question", "Answer"), strict=True
    ):
        _histogram(axes, stats.lengths[name])
        median = stats.lengths[name].quantile(0.5)
        axes.set(
            title=f"{title}: median {median:,} characters",
            xlabel=f"characters of `{name}`\n(dashed: median; last bar: longer ones too)",
            ylabel="rows",
        )


def _histogram(axes: Any, lengths: Lengths) -> None:
    """Thirty bars up to the 99th percentile; the last one takes in what is longer."""
    values = np.array(sorted(lengths.rows), dtype=np.int64)
    rows = np.array([lengths.rows[value] for value in values.tolist()])
    last = max(lengths.quantile(0.99), 30)
    edges = np.linspace(0, last, 31)
    axes.hist(np.minimum(values, last), bins=edges, weights=rows, color=BLUE, edgecolor="white")
    axes.axvline(lengths.quantile(0.5), color=ORANGE, linestyle="--")
    _count_axis(axes.yaxis)
    _whole_ticks(axes.xaxis, 5)
    axes.xaxis.set_major_formatter(_thousands)


def _generations(figure: "Figure", stats: Stats) -> None:
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.2))
    rows = {
        place: count for place, count in stats.values["generation"].items() if place is not None
    }
    bars = left.bar(list(rows), list(rows.values()), color=BLUE)
    if len(rows) <= 6:
        left.bar_label(bars, [_thousands(count) for count in rows.values()], color=GREY, fontsize=8)
    left.set(title="Generation", xlabel="generation (0: from a seed)", ylabel="rows")
    _whole_ticks(left.xaxis, 6)
    left.margins(y=0.12)
    _count_axis(left.yaxis)
    operations = _top(stats.values["operation"])[::-1]
    bars = right.barh(
        [name for name, _ in operations], [rows for _, rows in operations], color=BLUE
    )
    right.bar_label(bars, [_thousands(rows) for _, rows in operations], padding=3, color=GREY)
    right.margins(x=0.3)
    right.set(title="Operation", xlabel="rows")
    _count_axis(right.xaxis)


def _funnel(figure: "Figure", funnel: Sequence[Step]) -> None:
    figure.set_size_inches(7.2, 1.6 + 0.34 * len(funnel))
    names = [_short(step.stage) for step in funnel]
    places = list(range(len(funnel)))[::-1]
    kept = [step.kept for step in funnel]
    dropped = [sum(step.dropped.values()) for step in funnel]
    axes = figure.subplots()
    axes.barh(places, kept, color=BLUE, label="kept")
    bars = axes.barh(places, dropped, left=kept, color=ORANGE, hatch="///", label="dropped")
    axes.bar_label(
        bars,
        labels=[
            f"{_thousands(one)} kept" + (f", {_thousands(other)} dropped" if other else "")
            for one, other in zip(kept, dropped, strict=True)
        ],
        padding=4,
        color=GREY,
        fontsize=8,
    )
    axes.set_yticks(places, names)
    axes.margins(x=0.45)
    axes.set(title="What each stage kept and dropped", xlabel="rows")
    axes.set_xlim(left=0)
    _count_axis(axes.xaxis)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)


def _bars(axes: Any, labels: list[str], rows: list[int]) -> None:
    bars = axes.bar(range(len(rows)), rows, color=BLUE)
    axes.set_xticks(range(len(rows)), labels)
    crowded = len(rows) > 6
    axes.bar_label(
        bars,
        labels=[_thousands(count) if crowded else f"{count:,}" for count in rows],
        padding=2,
        color=GREY,
        fontsize=8,
    )
    axes.margins(y=0.12)
    _count_axis(axes.yaxis)


def _count_axis(axis: Any) -> None:
    """Ticks at whole numbers, short ones."""
    _whole_ticks(axis, 5)
    axis.set_major_formatter(_thousands)


def _thousands(count: float, _place: int | None = None) -> str:
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return f"{count:.3g}"


def _top(values: Mapping[object, int]) -> list[tuple[str, int]]:
    """Values and their rows, most first; beyond `MOST_BARS` the rest together."""
    ranked = sorted(values.items(), key=lambda pair: (-pair[1], str(pair[0])))
    shown = [(_short(value), rows) for value, rows in ranked[:MOST_BARS]]
    rest = sum(rows for _, rows in ranked[MOST_BARS:])
    return [*shown, ("others", rest)] if rest else shown


def _short(value: object) -> str:
    """`value` as a label of one short line."""
    text = "none" if value is None else " ".join(str(value).split())
    return text if len(text) <= 24 else text[:23] + "…"
