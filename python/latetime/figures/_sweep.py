"""Maps of sweeps."""

import os
from typing import Any, Mapping, Optional, Union

import numpy as np
from matplotlib.figure import Figure

from ._style import COLUMN, figure, styled

_LABELS = {
    "slope": r"slope $\gamma$",
    "init_std": r"$\sigma_0$",
    "learning_rate": r"learning rate $\eta$",
    "n": "$n$",
    "d": "$d$",
    "width": "$m$",
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
) -> Figure:
    """A quantity of a sweep over two of its axes, as a map; the mean over all axes that are not `fixed`.

    sweep: an lt.Sweep, or the folder of one.
    x, y: names of axes ("slope", "d"); None: the two with most values that are no seeds.
    fixed: values of other axes: {"init_std": 1e-3}.
    contours: so many lines of equal value besides.
    Cells where no point has the quantity stay grey. Raises ValueError for what is no axis or quantity.
    """
    from .. import load

    if isinstance(sweep, (str, os.PathLike)):
        sweep = load(sweep)
    axes = sweep.axes
    leading = sorted(axes, key=lambda name: 0 if name == "seed" else -len(axes[name]))
    x = x or next((name for name in leading if name != y), None)
    y = y or next((name for name in leading if name != x), None)
    for what, name in (("x", x), ("y", y), *(("fixed", name) for name in fixed or {})):
        if name not in axes:
            raise ValueError(f"{what}: {name} is no axis of the sweep; it has {', '.join(axes)}")
    if x == y:
        raise ValueError(f"y: is {y}, as x is; name another axis")
    try:
        values = np.asarray(sweep[quantity], dtype=float)
    except KeyError as error:
        raise ValueError(f"quantity: {error.args[0]}") from None
    chosen = np.ones(len(values), dtype=bool)
    for name, value in (fixed or {}).items():
        chosen &= sweep[name] == value
    if not chosen.any():
        raise ValueError(f"fixed: no point has {dict(fixed or {})}; the sweep's axes are {dict(axes)}")
    cells = np.full((len(axes[y]), len(axes[x])), np.nan)
    for i, down in enumerate(axes[y]):
        for k, across in enumerate(axes[x]):
            here = values[chosen & (sweep[x] == across) & (sweep[y] == down)]
            if np.isfinite(here).any():
                cells[i, k] = np.nanmean(here)
    return _drawn(cells, axes[x], axes[y], x, y, quantity, width, cmap, contours)


def _drawn(cells, across, down, x, y, quantity, width, cmap, contours) -> Figure:
    made, (panel,) = figure(panels=1, width=width)
    panel.set_facecolor("0.85")
    panel.grid(False)
    image = panel.imshow(np.ma.masked_invalid(cells), origin="lower", aspect="auto", cmap=cmap)
    if contours:
        lines = panel.contour(cells, levels=contours, colors="white", linewidths=0.6)
        panel.clabel(lines, fontsize=5)
    for axis, name, values in ((panel.xaxis, x, across), (panel.yaxis, y, down)):
        every = max(1, len(values) // 8)
        places = range(0, len(values), every)
        axis.set_ticks(list(places), [f"{values[at]:g}" if np.isreal(values[at]) else str(values[at]) for at in places])
        axis.set_label_text(_LABELS.get(name, name))
    made.colorbar(image, ax=panel, label=_LABELS.get(quantity, quantity.replace("_", " ")))
    return made
