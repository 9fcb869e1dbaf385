"""Sizes, fonts and lines that fit a LaTeX paper."""

import functools
import logging
import os
from typing import Iterable, List, Tuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLUMN = 3.25  # inches: one column of a two-column page
PAGE = 6.75  # inches: both columns, or the text width of a one-column page

_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
_MARKERS = ("o", "s", "^", "v", "D", "P", "X", "*", "<", ">", "p")


def style() -> dict:
    """Settings of matplotlib: Computer Modern like LaTeX's, 8 and 7 points, text that stays text."""
    return {
        "font.family": "serif",
        "font.serif": ["CMU Serif", "cmr10", "STIXGeneral", "DejaVu Serif"],
        "mathtext.fontset": "cm",
        "axes.formatter.use_mathtext": True,
        "axes.unicode_minus": False,
        "font.size": 8,
        "axes.labelsize": 8,
        "axes.titlesize": 8,
        "legend.fontsize": 7,
        "legend.title_fontsize": 7,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "lines.linewidth": 1.1,
        "lines.markersize": 3.2,
        "axes.linewidth": 0.6,
        "axes.grid": True,
        "grid.linewidth": 0.4,
        "grid.alpha": 0.35,
        "legend.frameon": False,
        "savefig.dpi": 300,
        "figure.dpi": 150,
        "pdf.fonttype": 42,
        "svg.fonttype": "none",
        "svg.hashsalt": "latetime",
    }


def colors(count: int) -> List[Tuple[float, float, float, float]]:
    """Colours of an ordered quantity: from dark to light in grey as well (viridis, without its pale end)."""
    viridis = matplotlib.colormaps["viridis"]
    return [viridis(0.9 * i / max(count - 1, 1)) for i in range(count)]


def line_styles(count: int) -> List[dict]:
    """Colour, dash and marker of each of `count` lines."""
    return [
        {"color": color, "linestyle": _DASHES[i % len(_DASHES)], "marker": _MARKERS[i % len(_MARKERS)]}
        for i, color in enumerate(colors(count))
    ]


def styled(function):
    """Draws with style()."""

    @functools.wraps(function)
    def within(*args, **kwargs):
        with matplotlib.rc_context(style()):
            return function(*args, **kwargs)

    return within


@styled
def figure(panels: int = 1, width: float = PAGE) -> Tuple[Figure, List[Axes]]:
    """A figure of `width` inches and the axes of its panels: side by side, in one column below each other."""
    stacked = width < 0.75 * PAGE
    if stacked:
        made = Figure(figsize=(width, 0.6 * width * panels), layout="constrained")
        axes = made.subplots(panels, 1, squeeze=False)[:, 0]
    else:
        made = Figure(figsize=(width, 0.72 * width / panels), layout="constrained")
        axes = made.subplots(1, panels, squeeze=False)[0]
    return made, list(axes)


@styled
def legend_beside(axes: List[Axes], title: str) -> None:
    """One legend for all panels, outside at the right."""
    stacked = len(axes) > 1 and axes[0].get_subplotspec().get_gridspec().ncols == 1
    handles, labels = axes[0].get_legend_handles_labels()
    (axes[0] if stacked else axes[-1]).legend(
        handles, labels, title=title, loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0.0
    )


def markers_at(line: int, lines: int, points: int) -> Tuple[int, int]:
    """`markevery` for some six markers a line, at other points on each line."""
    every = max(1, points // 6)
    return (every * line // max(lines, 1), every)


@styled
def save(made: Figure, name, formats: Iterable[str] = ("pdf", "svg", "png")) -> List[str]:
    """Writes NAME.pdf, NAME.svg, NAME.png, the same bytes each time; returns the paths."""
    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it remarks on the age of matplotlib's own fonts
    name = os.fspath(name)
    paths = []
    for suffix in formats:
        path = f"{name}.{suffix}"
        dated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(suffix)
        made.savefig(path, metadata=dated)
        paths.append(path)
    return paths
