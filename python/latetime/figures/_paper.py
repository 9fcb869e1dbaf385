"""Figures 1 to 5 as the paper lays them out: two panels, mean and a band of 3 standard deviations."""

import os
from typing import Callable, Dict, List

import numpy as np
from matplotlib.figure import Figure

from ._style import PAGE, figure, legend_beside, line_styles, markers_at, styled
from ._table import Table, read_table


def _table(source, name: str) -> Table:
    if isinstance(source, dict):
        return Table(source)
    path = os.fspath(source)
    return read_table(os.path.join(path, f"{name}.csv") if os.path.isdir(path) else path)


def plot_bands(axes, table: Table, by: str, x: str, quantity: str, floor=None, label=str, scale=1.0) -> None:
    """A line for each value of `by`: QUANTITY_mean against `x`, with a band of 3 QUANTITY_std."""
    groups = list(table.groups(by))
    for i, (group, line) in enumerate(zip(groups, line_styles(len(groups)))):
        order = np.argsort(group[x], kind="stable")
        mean = scale * group[f"{quantity}_mean"][order]
        spread = 3 * scale * group[f"{quantity}_std"][order]
        low = mean - spread if floor is None else np.maximum(mean - spread, floor)
        markers = markers_at(i, len(groups), len(mean))
        axes.plot(group[x][order], mean, label=label(group[by][0]), markevery=markers, **line)
        axes.fill_between(group[x][order], low, mean + spread, color=line["color"], alpha=0.15, linewidth=0)


@styled
def fig1(source, width: float = PAGE) -> Figure:
    """Figure 1: stable rank of W_{+1} and training loss against epochs, for slopes from 0 to 1."""
    table = _table(source, "fig1")
    made, (ranks, losses) = figure(panels=2, width=width)
    label = "{:g}".format
    plot_bands(ranks, table, "slope", "epoch", "stable_rank_pos", floor=1.0, label=label)
    plot_bands(losses, table, "slope", "epoch", "loss", floor=0.0, label=label)
    ranks.set(xlabel="epoch", ylabel=r"stable rank of $W_{+1}$", yscale="log")
    losses.set(xlabel="epoch", ylabel="training loss")
    legend_beside([ranks, losses], r"slope $\gamma$")
    return made


@styled
def _image_figure(source, name: str, by: str, title: str, width: float, label) -> Figure:
    table = _table(source, name)
    x = "epoch" if "epoch" in table else "step"
    made, (ranks, errors) = figure(panels=2, width=width)
    rank, error = ("stable_rank_all", "test_error")
    plot_bands(ranks, table, by, x, rank, floor=1.0, label=label)
    plot_bands(errors, table, by, x, error, floor=0.0, label=label, scale=100.0)
    ranks.set(xlabel=x, ylabel="stable rank of $W$", yscale="log")
    errors.set(xlabel=x, ylabel="test error (%)")
    legend_beside([ranks, errors], title)
    return made


def _power_of_ten(value: float) -> str:
    exponent = int(np.floor(np.log10(value) + 1e-9))
    factor = value / 10.0**exponent
    return rf"$10^{{{exponent}}}$" if abs(factor - 1) < 1e-9 else rf"${factor:g}\times 10^{{{exponent}}}$"


def fig2(source, width: float = PAGE) -> Figure:
    """Figure 2: ReLU on MNIST for five standard deviations of the initial weights."""
    return _image_figure(source, "fig2", "init_std", r"$\sigma_0$", width, _power_of_ten)


def fig3(source, width: float = PAGE) -> Figure:
    """Figure 3: the same for the leaky ReLU of slope 0.1."""
    return _image_figure(source, "fig3", "init_std", r"$\sigma_0$", width, _power_of_ten)


def fig4(source, width: float = PAGE) -> Figure:
    """Figure 4: ReLU on MNIST for five widths."""
    return _image_figure(source, "fig4", "width", "width $m$", width, "{:g}".format)


def fig5(source, width: float = PAGE) -> Figure:
    """Figure 5: the same for the leaky ReLU of slope 0.1."""
    return _image_figure(source, "fig5", "width", "width $m$", width, "{:g}".format)


PAPER_FIGURES: Dict[str, Callable[..., Figure]] = {
    "fig1": fig1,
    "fig2": fig2,
    "fig3": fig3,
    "fig4": fig4,
    "fig5": fig5,
}


def draw(name: str, source, width: float = PAGE) -> Figure:
    """The figure of that name, "fig1" to "fig5"."""
    return PAPER_FIGURES[name](source, width=width)


def tables_in(folder) -> List[str]:
    """Names of the figures whose tables lie in a folder."""
    return [name for name in PAPER_FIGURES if os.path.exists(os.path.join(folder, f"{name}.csv"))]


def picture_name(name: str) -> str:
    """ "fig1" becomes "figure1": `latetime reproduce` draws a fig1.svg of its own."""
    return name.replace("fig", "figure")
