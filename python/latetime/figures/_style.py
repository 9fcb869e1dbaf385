"""Sizes, fonts and lines that fit a LaTeX paper."""

import os
from typing import Iterable, List, Tuple

import matplotlib
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


def figure(panels: int = 1, width: float = PAGE, height: float = 0.0):
    """(Figure, axes of its panels side by side) in this style; `width` in inches."""
    with matplotlib.rc_context(style()):
        made = Figure(figsize=(width, height or 0.72 * width / max(panels, 1)), layout="constrained")
        axes = made.subplots(1, panels, squeeze=False)[0]
    return made, list(axes)


def save(made: Figure, name, formats: Iterable[str] = ("pdf", "svg", "png")) -> List[str]:
    """Writes NAME.pdf, NAME.svg, NAME.png, the same bytes each time; returns the paths."""
    name = os.fspath(name)
    paths = []
    for suffix in formats:
        path = f"{name}.{suffix}"
        dated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(suffix)
        with matplotlib.rc_context(style()):
            made.savefig(path, metadata=dated)
        paths.append(path)
    return paths
