"""The paper's figures: the data behind them, and the pictures."""

import os
from typing import Dict, Optional

from . import _core
from ._progress import Bar, wanted


def _figure1(quick: bool, threads: int, progress) -> Dict[str, str]:
    summary, runs = _core.figure1(quick, threads, progress)
    return {"fig1.csv": summary, "fig1_runs.csv": runs}


_FIGURES = {"fig1": _figure1}


def reproduce(
    figure: str,
    out=None,
    *,
    quick: bool = False,
    threads: Optional[int] = None,
    progress: Optional[bool] = None,
):
    """Makes the data of a figure of the paper and draws it; returns the matplotlib Figure.

    figure: "fig1". With `out`, a folder, the tidy CSV files that `latetime reproduce` writes and
    the picture as PDF, SVG and PNG are put there. quick: fewer slopes and runs.
    Raises ValueError for a figure that is not known.
    """
    from . import figures

    if figure not in _FIGURES:
        raise ValueError(f"reproduce: {figure} is not known; choose one of {', '.join(_FIGURES)}")
    bar = Bar(wanted(progress), figure)

    def advance(done: int, total: int) -> None:
        bar.update(done / total, f"run {done} of {total}")

    try:
        texts = _FIGURES[figure](quick, threads or os.cpu_count() or 1, advance)
    finally:
        bar.close()
    if out is not None:
        os.makedirs(out, exist_ok=True)
        for name, text in texts.items():
            with open(os.path.join(out, name), "w", encoding="utf-8") as file:
                file.write(text)
    drawn = figures.draw(figure, figures.read_table(texts[f"{figure}.csv"].splitlines()))
    if out is not None:
        figures.save(drawn, os.path.join(out, figures.picture_name(figure)))
    return drawn
