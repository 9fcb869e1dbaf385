"""The paper's figures: the data behind them, and the pictures."""

import os
import tempfile
from typing import Dict, Optional

from . import _core
from ._checks import path_text, thread_count
from ._names import answers_unknown_names
from ._progress import Bar, wanted


IMAGE_FIGURES = ("fig2", "fig3", "fig4", "fig5")


def _figure1(quick: bool, threads: int, progress) -> Dict[str, str]:
    summary, runs, settings = _core.figure1(quick, threads, progress)
    return {"fig1.csv": summary, "fig1_runs.csv": runs, "fig1.toml": settings}


def _images(figure: str, folder, quick: bool, threads: int, progress, images: str, reading: str) -> Dict[str, str]:
    """Finished runs are kept in the folder, so that the same call goes on after a stop."""
    with tempfile.TemporaryDirectory() as passing:
        summary, runs, settings = _core.image_figure(
            figure, quick, os.fspath(folder or passing), images, reading, threads, progress
        )
    return {f"{figure}.csv": summary, f"{figure}_runs.csv": runs, f"{figure}.toml": settings}


@answers_unknown_names
def reproduce(
    figure: str,
    out=None,
    *,
    quick: bool = False,
    images: str = "mnist",
    reading: str = "",
    threads: Optional[int] = None,
    progress: Optional[bool] = None,
):
    """Makes the data of a figure of the paper and draws it; returns the matplotlib Figure.

    figure: "fig1" to "fig5". With `out`, a folder, the tidy CSV files and settings that `latetime reproduce` writes
    and the picture as PDF, SVG and PNG are put there; Figures 2 to 5, which take tens of minutes, keep their finished
    runs there and go on after a stop. quick: fewer variants, runs, epochs and images.
    images: "mnist" or "fashion-mnist"; reading: "groups", "two-class", "trained" or "", the figure's own
    (Figures 2 to 5). Raises ValueError for what is not known.
    """
    known = ("fig1", *IMAGE_FIGURES)
    if figure not in known:
        raise ValueError(f"reproduce: {figure} is not known; choose one of {', '.join(known)}")
    out = None if out is None else path_text(out, "out")
    if out is not None and os.path.exists(out) and not os.path.isdir(out):
        raise ValueError(f"{out}: is a file; name a folder for the results")
    if out is None:
        return _made(figure, None, quick, images, reading, threads, progress)
    with _core.HeldFolder(out):  # one process at a time writes there
        return _made(figure, out, quick, images, reading, threads, progress)


def _made(figure: str, out, quick: bool, images: str, reading: str, threads: Optional[int], progress: Optional[bool]):
    from . import figures

    bar = Bar(wanted(progress), figure)

    def advance(done: float, total: float) -> None:
        bar.update(done / total, f"run {done} of {total}" if figure == "fig1" else f"{done / total:.0%} of the work")

    workers = thread_count(threads)
    try:
        if figure == "fig1":
            texts = _figure1(quick, workers, advance)
        else:
            texts = _images(figure, out, quick, workers, advance, images, reading)
    finally:
        bar.close()
    made = [f'"{figure}"', *(["quick=True"] if quick else [])]
    if figure != "fig1":
        made += [f'{name}="{value}"' for name, value in (("images", images), ("reading", reading)) if value]
    texts[f"{figure}.toml"] = f"# latetime.reproduce({', '.join(made)})\n" + texts[f"{figure}.toml"]
    if out is not None:
        os.makedirs(out, exist_ok=True)
        for name, text in texts.items():
            with open(os.path.join(out, name), "w", encoding="utf-8") as file:
                file.write(text)
    drawn = figures.draw(figure, figures.read_table(texts[f"{figure}.csv"].splitlines()))
    if out is not None:
        figures.save(drawn, os.path.join(out, figures.picture_name(figure)))
    return drawn
