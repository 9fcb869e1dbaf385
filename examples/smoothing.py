#!/usr/bin/env python3
"""Makes the figure of docs/smoothing.md: ReLU, leaky ReLU and smoothed leaky ReLU on the same samples.

    python3 examples/smoothing.py --out smoothing [--program build/release/latetime] [--until 1e6]

Makes five runs with `latetime` and draws from their CSV files smoothing.svg, with matplotlib. What is in the folder
already is gone on with.
"""

import argparse
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from folders import PROGRAM, make_run, save_figure

SAMPLES = ["data.n=10", "data.d=100", "network.width=20", "record.per_decade=8", "seed=1"]
# Name of a run: its keys, what it is called, and how its curve looks.
RUNS = {
    "relu": (["network.slope=0"], "GD, ReLU", "#d55e00", "-"),
    "leaky": (["network.slope=0.1"], "GD, leaky ReLU, γ = 0.1", "#0072b2", "-"),
    "smoothed-1": (["network.slope=0.1", "network.smoothing=1"], "GD, smoothed, h = 1", "#009e73", "-"),
    "smoothed-10": (["network.slope=0.1", "network.smoothing=10"], "GD, smoothed, h = 10", "#cc79a7", "-"),
    "flow": (["network.slope=0.1", "descent.method=flow"], "gradient flow, leaky ReLU", "0.2", ":"),
}


def slope_at_end(run):
    """d log L / d log t over the last decade."""
    late = run["log10_t"] >= run["log10_t"][-1] - 1
    return np.polyfit(run["log10_t"][late], run["log_loss"][late] / np.log(10), 1)[0]


def draw(runs, out):
    figure, (ranks, losses) = plt.subplots(1, 2, figsize=(9.6, 3.8), layout="constrained")
    for name, (_, label, color, style) in RUNS.items():
        run = runs[name]
        seen = run["log10_t"] > 0
        ranks.plot(run["log10_t"][seen], run["stable_rank_excess_pos"][seen], style, color=color, label=label)
        losses.plot(run["log10_t"][seen], run["log_loss"][seen] / np.log(10), style, color=color)
    start = runs["leaky"]["log10_t"][-1] - 2.5
    times = np.array([start, runs["leaky"]["log10_t"][-1]])
    level = np.interp(start, runs["smoothed-10"]["log10_t"], runs["smoothed-10"]["log_loss"] / np.log(10)) + 0.25
    for exponent, source in ((-1.0, "−1 (Kou et al.)"), (-0.5, "−1/2 (Frei et al.)")):
        losses.plot(times, level + exponent * (times - start), "--", color="0.5", lw=1)
        losses.annotate(source, (times[1], level + exponent * (times[1] - start)), (4, 0), textcoords="offset points",
                        va="center", fontsize=8, color="0.35")
    ranks.set(yscale="log", xlabel="log₁₀ t, t in steps", ylabel="stable rank of W₊ minus 1")
    losses.set(xlim=(0, times[1] + 1.9), xlabel="log₁₀ t, t in steps", ylabel="log₁₀ L")
    ranks.legend(fontsize=8)
    save_figure(figure, out / "smoothing.svg")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("smoothing"), help="folder for runs and figure")
    parser.add_argument("--program", default=PROGRAM)
    parser.add_argument("--until", default="1e6", help="last step")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    runs = {
        name: make_run(options.program, options.out / name, [*SAMPLES, *keys, f"descent.until={options.until}"])
        for name, (keys, *_) in RUNS.items()
    }
    draw(runs, options.out)
    print(f"{'run':28} {'SR(W+) - 1':>12} {'log10 L':>9} {'exponent':>9}")
    for name, run in runs.items():
        print(f"{RUNS[name][1]:28} {run['stable_rank_excess_pos'][-1]:12.3g} {run['log_loss'][-1] / np.log(10):9.3f} {slope_at_end(run):9.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
