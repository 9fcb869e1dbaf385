"""The paper's figures in matplotlib: short functions to copy and change.

    from latetime import figures
    figures.save(figures.fig1("DIR"), "figure1")       # figure1.pdf, figure1.svg, figure1.png
    python3 -m latetime.figures DIR                     # every figure whose table lies in DIR

    figures.phase_diagram("DIR", "switching_fraction")  # of a folder of latetime sweep

Each function of a figure takes the folder that `latetime reproduce` wrote, its CSV file, or a table of
read_table(), and returns a matplotlib Figure. Lines differ by colour, dash and marker, so that they can be told
apart in grey and by colour-blind readers.
"""

from ._paper import PAPER_FIGURES, draw, fig1, fig2, fig3, fig4, fig5, picture_name
from ._late import fig1_late, late_runs
from ._style import COLUMN, PAGE, colors, figure, legend_beside, line_styles, markers_at, save, style, styled
from ._sweep import phase_diagram
from ._table import Table, read_table

__all__ = [
    "COLUMN",
    "PAGE",
    "PAPER_FIGURES",
    "Table",
    "colors",
    "draw",
    "fig1",
    "fig1_late",
    "fig2",
    "fig3",
    "fig4",
    "fig5",
    "figure",
    "late_runs",
    "legend_beside",
    "line_styles",
    "markers_at",
    "phase_diagram",
    "picture_name",
    "read_table",
    "save",
    "style",
    "styled",
]
