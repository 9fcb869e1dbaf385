#!/usr/bin/env python3
"""Makes the figure and the table of docs/losses.md: the same samples on the logistic and on the exponential loss.

    python3 examples/losses.py --out losses [--program build/release/latetime]

Four runs of `latetime` to t = 10^100, ReLU and slope 0.1 on either loss, from the same initial weights; draws losses.svg
from their CSV files and prints the table. What is in the folder already is gone on with.
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

RUN = ["data.n=10", "network.width=20", "descent.until=1e100", "record.per_decade=8", "seed=1"]
LOSSES = {"logistic": "#0072b2", "exponential": "#d55e00"}
SLOPES = {0.0: "-", 0.1: "--"}
PAIRS = 2 * 20 * 10


def make(program, out, loss, slope):
    """The columns of the run's metrics.csv, and its limit as JSON."""
    folder = out / f"{loss}-{slope:g}"
    run = make_run(program, folder, [*RUN, f"descent.loss={loss}", f"network.slope={slope}"])
    limit = subprocess.run([program, "limit", str(folder), "--json"], check=True, capture_output=True, text=True)
    return run, json.loads(limit.stdout)


def draw(runs, path):
    figure, (early, ranks, switching) = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    for (loss, slope), (run, limit) in runs.items():
        look = {"color": LOSSES[loss], "ls": SLOPES[slope], "label": f"{loss}, slope {slope:g}"}
        log_t = run["log10_t"]
        early.plot(log_t, run["log_loss"] + np.log(10) * log_t, **look)
        ranks.plot(log_t, run["stable_rank_pos"] - 1, **look)
        late = np.isfinite(log_t) & (run["sliding_pairs"] > 0)
        if late.any():
            switching.plot(log_t[late], run["sliding_pairs"][late] / PAIRS, **look)
        excess = limit["stable_rank_excess"]["pos"]
        if excess > 1e-3:
            ranks.plot([100], [excess], "o", color=LOSSES[loss], ms=5, clip_on=False)
    early.set(title="t L(t)", xlim=(0, 8), ylabel="log (t L)")
    ranks.set(title="stable rank of W$_+$ − 1; dots: t = ∞", yscale="log", xscale="symlog", xlim=(0, 100))
    switching.set(title="part of the pairs that switch for ever", xscale="symlog", xlim=(0, 100))
    for axes in (early, ranks, switching):
        axes.set_xlabel("log$_{10}$ t, t in steps")
    early.legend(frameon=False, fontsize=8)
    save_figure(figure, path)


def print_table(runs):
    print("| loss | slope | log L at 10^2, 10^4, 10^100 | stable ranks of W+, W− at 10^100 | at t = ∞ | switching pairs | largest error estimate |")
    print("|---|---|---|---|---|---|---|")
    for (loss, slope), (run, limit) in runs.items():
        at = [run["log_loss"][np.nanargmin(np.abs(run["log10_t"] - time))] for time in (2, 4, 100)]
        limits = [limit["stable_rank"][part] for part in ("pos", "neg")]
        sliding = run["sliding_pairs"][-1]
        print(f"| {loss} | {slope:g} | {at[0]:.4f}, {at[1]:.4f}, {at[2]:.4f} | {run['stable_rank_pos'][-1]:.5f}, "
              f"{run['stable_rank_neg'][-1]:.5f} | {limits[0]:.5f}, {limits[1]:.5f} | {sliding:.0f} of {PAIRS} | "
              f"{np.nanmax(run['error_estimate']):.1e} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("losses"))
    parser.add_argument("--program", default=PROGRAM)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    runs = {(loss, slope): make(arguments.program, arguments.out, loss, slope) for slope in SLOPES for loss in LOSSES}
    draw(runs, arguments.out / "losses.svg")
    print_table(runs)
    print(arguments.out / "losses.svg")


if __name__ == "__main__":
    sys.exit(main())
