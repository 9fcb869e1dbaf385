#!/usr/bin/env python3
"""Makes the figure and the table of docs/classes.md: real digits 0-9 in ten classes, followed to t = 10^100 and to the limit.

    python3 examples/classes.py --out classes [--n 50] [--program build/release/latetime]

A run of `latetime` on MNIST images (scripts/fetch-data) with m = 20 neurons a class, ReLU unless --slope says otherwise; draws
classes.svg from its CSV file and limit, and prints the table. What is in the folder already is gone on with.
"""

import argparse
import json
import pathlib
import subprocess
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from folders import PROGRAM, make_run, save_figure

RUN = ["data.source=mnist", "data.classes=all", "network.width=20", "descent.until=1e100", "descent.tolerance=1e-4", "seed=1"]
BLUE, RED = "#0072b2", "#d55e00"
CLASSES = 10


def make(program, out, n, slope):
    """The columns of the run's metrics.csv, and its limit as JSON; None where none was found."""
    folder = out / f"digits-{n}-{slope:g}"
    run = make_run(program, folder, [*RUN, f"data.n={n}", f"network.slope={slope:.1f}"])
    limit = json.loads(subprocess.run([program, "limit", str(folder), "--json"], capture_output=True, text=True).stdout)
    return run, limit if limit["status"] == "found" else None


def draw(run, limit, path):
    figure, (all_ranks, ranks, collapse) = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    log_t = run["log10_t"]
    all_ranks.plot(log_t, run["stable_rank_all"], color=BLUE)
    for k in range(CLASSES):
        ranks.plot(log_t, run[f"stable_rank_{k}"], color=BLUE, lw=0.8)
    collapse.plot(log_t, run["within_class"], color=BLUE, label="within-class variability")
    collapse.plot(log_t, run["class_cosine_max"], color=RED, label="largest and smallest cosine of class means")
    collapse.plot(log_t, run["class_cosine_min"], color=RED)
    collapse.axhline(-1 / (CLASSES - 1), color=RED, lw=0.8, ls=":")
    if limit is not None:
        dots = {"marker": "o", "ls": "", "ms": 4, "clip_on": False}
        all_ranks.plot([100], [limit["stable_rank"]["all"]], color=BLUE, **dots)
        ranks.plot([100] * CLASSES, [limit["stable_rank"][str(k)] for k in range(CLASSES)], color=BLUE, **dots)
        collapse.plot([100], [limit["collapse"]["within_class"]], color=BLUE, **dots)
        collapse.plot([100] * 2, [limit["collapse"][f"class_cosine_{end}"] for end in ("min", "max")], color=RED, **dots)
    all_ranks.set(title="stable rank of W; dots: t = ∞", yscale="log")
    ranks.set(title="stable ranks of the ten classes' weights", yscale="log")
    collapse.set(title="collapse of the hidden layer")
    for axes in (all_ranks, ranks, collapse):
        axes.set(xlabel="log$_{10}$ t, t in steps", xscale="symlog", xlim=(0, 100))
    collapse.legend(frameon=False, fontsize=7)
    save_figure(figure, path)


def print_table(run, limit):
    print("| | log L | stable rank of W | of the classes | within-class | cosines of class means | KKT residual | error estimate |")
    print("|---|---|---|---|---|---|---|---|")
    for time in (2, 4, 10, 100):
        at = np.nanargmin(np.abs(run["log10_t"] - time))
        own = [run[f"stable_rank_{k}"][at] for k in range(CLASSES)]
        print(f"| t = 10^{time} | {run['log_loss'][at]:.4f} | {run['stable_rank_all'][at]:.4f} | {min(own):.4f} to {max(own):.4f} | "
              f"{run['within_class'][at]:.4f} | {run['class_cosine_min'][at]:.3f} to {run['class_cosine_max'][at]:.3f} | "
              f"{run['kkt_residual'][at]:.1e} | {run['error_estimate'][at]:.1e} |")
    if limit is None:
        return print("| t = ∞ | not found | | | | | | |")
    own = [limit["stable_rank"][str(k)] for k in range(CLASSES)]
    measures = limit["collapse"]
    print(f"| t = ∞ | | {limit['stable_rank']['all']:.4f} | {min(own):.4f} to {max(own):.4f} | {measures['within_class']:.4f} | "
          f"{measures['class_cosine_min']:.3f} to {measures['class_cosine_max']:.3f} | {limit['kkt_residual']:.1e} | |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("classes"))
    parser.add_argument("--n", type=int, default=50, help="images")
    parser.add_argument("--slope", type=float, default=0.0)
    parser.add_argument("--program", default=PROGRAM)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    run, limit = make(arguments.program, arguments.out, arguments.n, arguments.slope)
    draw(run, limit, arguments.out / "classes.svg")
    print_table(run, limit)
    print(arguments.out / "classes.svg")


if __name__ == "__main__":
    sys.exit(main())
