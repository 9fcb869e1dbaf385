"""Figure 1 carried on to t = 10^100, with its limits."""

from typing import Sequence

import numpy as np
from matplotlib.figure import Figure

from ._style import PAGE, figure, legend_beside, line_styles, markers_at, styled


def late_runs(slopes: Sequence[float], seeds: Sequence[int] = (1,), until="1e100", **keys) -> dict:
    """{slope: [Run of each seed]} of Figure 1's setting, n=10, d=784, m=100, rate 0.1, to late time."""
    from .. import run

    setting = {"n": 10, "d": 784, "width": 100, "learning_rate": 0.1, "init_std": 1e-3, "until": until, **keys}
    return {slope: [run(slope=slope, seed=seed, **setting) for seed in seeds] for slope in slopes}


@styled
def fig1_late(runs=None, width: float = PAGE, column: str = "stable_rank_excess_pos") -> Figure:
    """Stable rank of W_{+1} minus 1, and loss times t, against log10 t; the limits as marks at infinity.

    runs: what late_runs() gives (None: slopes 0, 0.1, 0.5, 1, one seed). With several seeds: mean, and
    the smallest and the largest as a band. A limit below the axis is an arrow at its lower end.
    """
    if runs is None:
        runs = late_runs((0.0, 0.1, 0.5, 1.0))
    made, (ranks, losses) = figure(panels=2, width=width)
    end = max(float(one.t[-1]) for of_slope in runs.values() for one in of_slope)
    floor = min(_positive(one[column]).min() for of_slope in runs.values() for one in of_slope) / 3
    t = next(iter(runs.values()))[0].t
    for i, ((slope, of_slope), line) in enumerate(zip(runs.items(), line_styles(len(runs)))):
        line = {"label": f"{slope:g}", "markevery": markers_at(i, len(runs), len(t)), **line}
        _band(ranks, t, [one[column] for one in of_slope], line)
        _band(losses, t, [one.log_loss + np.log(10) * t for one in of_slope], line)
        for one in of_slope:
            if one.limit and one.limit.has_direction:
                _mark(ranks, 1.06 * end, one.limit.stable_rank_excess.pos, floor, line)
    ranks.set_yscale("log")
    ranks.set_ylim(bottom=floor)
    ticks = np.linspace(0, end, 5)
    ranks.set_xticks([*ticks, 1.06 * end], [f"{tick:g}" for tick in ticks[:-1]] + ["", r"$\infty$"])
    ranks.set(xlabel=r"$\log_{10} t$", ylabel=r"stable rank of $W_{+1}$, minus 1")
    losses.set(xlabel=r"$\log_{10} t$", ylabel=r"$\log (t L)$")
    legend_beside([ranks, losses], r"slope $\gamma$")
    return made


def _positive(values: np.ndarray) -> np.ndarray:
    return values[values > 0]


def _band(axes, t: np.ndarray, values: list, line: dict) -> None:
    axes.plot(t, np.mean(values, axis=0), **line)
    if len(values) > 1:
        axes.fill_between(
            t, np.min(values, axis=0), np.max(values, axis=0), color=line["color"], alpha=0.15, linewidth=0
        )


def _mark(axes, x: float, value: float, floor: float, line: dict) -> None:
    if value > floor:
        axes.plot([x], [value], color=line["color"], marker=line["marker"], markersize=5, linestyle="none")
    else:
        axes.plot([x], [1.6 * floor], color=line["color"], marker=r"$\downarrow$", markersize=6, linestyle="none")
