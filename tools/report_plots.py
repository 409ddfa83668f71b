"""The pictures of a run's report, as PNG, without pyplot and its global state."""

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # matplotlib is loaded where a picture is drawn: it takes most of a second
    from matplotlib.figure import Figure

_COLOURS = ("#2a78b5", "#c8ccd0", "#d9822b")
_ON = {"#2a78b5": "white", "#c8ccd0": "black", "#d9822b": "black"}  # what can be read on each
_DPI = 110


def bars(names: Sequence[str], series: Sequence[tuple[str, Sequence[float]]]) -> bytes:
    """Horizontal bars, the first name on top; several series stand on each other."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8, 0.9 + 0.34 * len(names)), layout="constrained")
    axes = figure.subplots()
    left = [0.0] * len(names)
    for (label, values), colour in zip(series, _COLOURS, strict=False):
        drawn = axes.barh(range(len(names)), values, left=left, color=colour, label=label)
        said = [f"{value:,.0f}" if value else "" for value in values]
        axes.bar_label(drawn, said, label_type="center", color=_ON[colour])
        left = [before + value for before, value in zip(left, values, strict=True)]
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("questions")
    if len(series) > 1:
        axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(series))
    return _png(figure)


def lines(names: Sequence[str], series: Sequence[tuple[str, Sequence[float | None]]]) -> bytes:
    """A line for each series over `names`, from 0 to 1; None leaves a gap."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    for (label, values), colour in zip(series, (_COLOURS[0], _COLOURS[2]), strict=False):
        drawn = [float("nan") if value is None else value for value in values]
        axes.plot(range(len(names)), drawn, marker="o", color=colour, label=label)
    axes.set_xticks(range(len(names)), names)
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("generation")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return _png(figure)


def _png(figure: "Figure") -> bytes:
    held = BytesIO()
    figure.savefig(held, format="png", dpi=_DPI, metadata={"Software": None})
    return held.getvalue()
