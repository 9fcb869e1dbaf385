"""Maps of sweeps."""

import os
import re
from typing import Any, Mapping, Optional, Tuple, Union

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from ._style import COLUMN, figure, styled

_LABELS = {
    "slope": r"slope $\gamma$",
    "init_std": r"$\sigma_0$",
    "learning_rate": r"learning rate $\eta$",
    "n": "$n$",
    "d": "$d$",
    "width": "$m$",
    "inner_product": "largest inner product $p$",
    "limit_stable_rank_pos": r"limit stable rank of $W_{+1}$",
    "limit_stable_rank_excess_pos": r"limit stable rank of $W_{+1}$ $-$ 1",
    "switching_fraction": "share that switches for ever",
}


@styled
def phase_diagram(
    sweep: Any,
    quantity: str,
    x: Optional[str] = None,
    y: Optional[str] = None,
    fixed: Union[None, Mapping[str, Any]] = None,
    width: float = COLUMN,
    cmap: str = "viridis",
    contours: int = 0,
    boundary: Optional[float] = None,
) -> Figure:
    """A quantity of a sweep over two of its axes, as a map; the mean over all axes that are not `fixed`.

    sweep: an lt.Sweep, or the folder of one.
    x, y: names of axes ("slope", "d"); None: the two with most values that are no seeds.
    fixed: values of other axes: {"init_std": 1e-3}.
    contours: so many lines of equal value besides.
    boundary: a line between neighbours that differ by more than this; None: where the quantity is the one that a sweep
        was refined by, a line where it was found to jump, else no line.
    Of a refined sweep, cells of the finest grid that were not made have the value of the nearest that was. Cells where no
    point has the quantity stay grey. Raises ValueError for what is no axis or quantity.
    """
    from .. import load

    if isinstance(sweep, (str, os.PathLike)):
        sweep = load(sweep)
    axes = sweep.axes
    x, y = _shown(axes, x, y, fixed or {})
    try:
        values = np.asarray(sweep[quantity], dtype=float)
    except KeyError as error:
        raise ValueError(f"quantity: {error.args[0]}") from None
    except ValueError:
        raise ValueError(f"quantity: {quantity} holds words; name one of numbers") from None
    chosen = np.ones(len(values), dtype=bool)
    for name, value in (fixed or {}).items():
        chosen &= sweep[name] == value
    if not chosen.any():
        raise ValueError(f"fixed: no point has {dict(fixed or {})}; the sweep's axes are {dict(axes)}")
    cells = np.full((len(axes[y]), len(axes[x])), np.nan)
    made = np.zeros(cells.shape, dtype=bool)
    for i, down in enumerate(axes[y]):
        for k, across in enumerate(axes[x]):
            here = values[chosen & (sweep[x] == across) & (sweep[y] == down)]
            made[i, k] = len(here) > 0
            if np.isfinite(here).any():
                cells[i, k] = np.nanmean(here)
    side = None
    if rule := sweep.refined:
        cells = _filled(cells, made, reach=2 ** (rule["levels"] - 1))
        if boundary is None and quantity == rule["quantity"]:
            boundary, side = rule["tolerance"], rule["threshold"]
    edges = [] if boundary is None and side is None else _edges(cells, boundary, side)
    return _drawn(cells, axes, x, y, quantity, width, cmap, contours, edges)


def _shown(axes, x, y, fixed) -> Tuple[str, str]:
    leading = sorted(axes, key=lambda name: 0 if name == "seed" else -len(axes[name]))
    x = x or next((name for name in leading if name != y), None)
    y = y or next((name for name in leading if name != x), None)
    for what, name in (("x", x), ("y", y), *(("fixed", name) for name in fixed)):
        if name not in axes:
            raise ValueError(f"{what}: {name} is no axis of the sweep; it has {', '.join(axes)}")
    if x == y:
        raise ValueError(f"y: is {y}, as x is; name another axis")
    return x, y


def _filled(cells: np.ndarray, made: np.ndarray, reach: int) -> np.ndarray:
    """Cells that were not made get the value of the nearest that was, of equally near ones the first, no farther than
    half a step of the first grid, `reach`: beyond, nothing was asked for.
    """
    filled = cells.copy()
    points = np.argwhere(made)
    for i, k in np.argwhere(~made):
        away = np.abs(points - (i, k))
        near = np.argmin((away**2).sum(axis=1) + 1e9 * (away.max(axis=1) > reach))
        if away[near].max() <= reach:
            filled[i, k] = cells[tuple(points[near])]
    return filled


def _edges(cells: np.ndarray, jump: Optional[float], side: Optional[float]) -> list:
    """Sides between cells that differ by more than `jump`, lie on different sides of `side`, or of which one alone has a
    value, as pairs of corners.
    """
    def differ(a, b):
        if np.isnan(a) or np.isnan(b):
            return np.isnan(a) != np.isnan(b)
        return (a >= side) != (b >= side) if jump is None else abs(a - b) > jump

    rows, columns = cells.shape
    upright = [((k + 0.5, i - 0.5), (k + 0.5, i + 0.5)) for i in range(rows) for k in range(columns - 1)
               if differ(cells[i, k], cells[i, k + 1])]
    level = [((k - 0.5, i + 0.5), (k + 0.5, i + 0.5)) for i in range(rows - 1) for k in range(columns)
             if differ(cells[i, k], cells[i + 1, k])]
    return upright + level


def _drawn(cells, axes, x, y, quantity, width, cmap, contours, edges) -> Figure:
    made, (panel,) = figure(panels=1, width=width)
    panel.set_facecolor("0.85")
    panel.grid(False)
    image = panel.imshow(np.ma.masked_invalid(cells), origin="lower", aspect="auto", cmap=cmap)
    if contours:
        lines = panel.contour(cells, levels=contours, colors="white", linewidths=0.6)
        panel.clabel(lines, fontsize=5)
    if edges:
        panel.add_collection(LineCollection(edges, colors="tab:red", linewidths=0.9))
    for axis, name in ((panel.xaxis, x), (panel.yaxis, y)):
        values = axes[name]
        every = 1 if len(values) <= 8 else -(-len(values) // 5)
        places = range(0, len(values), every)
        axis.set_ticks(list(places), [_tick(values[at]) for at in places])
        axis.set_label_text(_label(name))
    made.colorbar(image, ax=panel, label=_label(quantity))
    return made


def _label(name: str) -> str:
    """What an axis or a quantity is called on a figure."""
    claim = re.fullmatch(r"claim_(.+?)(_largest_c|_needs|_seen)?", name)
    if claim:
        number = claim[1].replace("_", ".")
        return {
            None: f"verdict of {number}",
            "_largest_c": f"hypotheses of {number}: largest $C$",
            "_needs": f"constant that {number} needs",
            "_seen": f"conclusion of {number}",
        }[claim[2]]
    return _LABELS.get(name, name.replace("_", " "))


def _tick(value: Any) -> str:
    """Three digits; as a power of ten where those would have an exponent: 0.025, 250, $10^{4}$, $2.5 \\cdot 10^{-5}$."""
    if not isinstance(value, (float, np.floating)):
        return str(value)
    digits, _, exponent = f"{value:.3g}".partition("e")
    if not exponent:
        return digits
    power = f"10^{{{int(exponent)}}}"
    return {"1": f"${power}$", "-1": f"$-{power}$"}.get(digits, rf"${digits} \cdot {power}$")
