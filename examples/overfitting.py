#!/usr/bin/env python3
"""Makes the figure of docs/generalization.md: benign, tempered and harmful overfitting.

    python3 examples/overfitting.py --out overfitting [--program build/release/latetime] [--seeds 3]

Runs the sweep examples/sweeps/overfitting.toml and three runs to t = 10^100 with `latetime`, and draws from their CSV
files overfitting.svg, with matplotlib. What is in the folder already is gone on with.
"""

import argparse
import pathlib
import subprocess
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from folders import PROGRAM, SOURCES, make_run, read_table, save_figure

NOISE = 0.15
# Standard deviation of the mean's entries, and how its curves look.
SIGNALS = {0.03: ("#d55e00", "harmful"), 0.1: ("#0072b2", "tempered"), 0.2: ("#009e73", "benign")}
RUN = ["data.n=20", f"data.label_noise={NOISE}", "data.d=800", "network.width=6", "network.init_std=1e-4",
       "network.slope=0.1", "descent.until=1e100", "record.per_decade=4", "seed=1"]


def make_sweep(program, out, seeds):
    folder = out / "sweep"
    text = (SOURCES / "examples/sweeps/overfitting.toml").read_text(encoding="utf-8")
    definition = out / "overfitting.toml"
    definition.write_text(text.replace("to = 3", f"to = {seeds}"), encoding="utf-8")
    resume = ["--resume"] if (folder / "sweep.toml").exists() else []
    subprocess.run([program, "sweep", str(definition), "--out", str(folder), "--quiet", *resume], check=True)
    return read_table(folder / "points.csv")


def draw_limits(axes, points, slope):
    """Errors of the limit over the dimension; of ReLU at the end of the runs, with a band for the part where f = 0."""
    for signal, (color, word) in SIGNALS.items():
        chosen = np.isclose(points["network.slope"], slope) & np.isclose(points["data.signal_std"], signal)
        chosen &= np.isfinite(points["limit_population_error"])
        dimensions = np.unique(points["data.d"][chosen])
        of = lambda name: [np.mean(points[name][chosen & (points["data.d"] == d)]) for d in dimensions]
        wrong, zero = np.array(of("limit_population_error")), np.array(of("limit_population_zero"))
        if zero.max() > 0:
            axes.fill_between(dimensions, wrong - zero, wrong, color=color, alpha=0.2, lw=0)
            axes.plot(dimensions, of("population_error"), "o-", color=color, ms=4, label=f"{signal} ({word})")
            continue
        axes.plot(dimensions, wrong, "o-", color=color, ms=4, label=f"{signal} ({word})")
        for d in dimensions:
            runs = points["limit_population_error"][chosen & (points["data.d"] == d)]
            axes.plot(np.full(len(runs), d), runs, "_", color=color, ms=5, alpha=0.5)
    axes.axhline(0.5, color="0.6", lw=0.8, ls=":")
    axes.set(xscale="log", ylim=(-0.02, 0.75), xlabel="dimension d")


def draw_times(axes, runs):
    for signal, (color, _) in SIGNALS.items():
        run = runs[signal]
        log_t = run["log10_t"]
        axes.plot(log_t, run["population_error"], color=color)
        axes.fill_between(log_t, run["population_error_low"], run["population_error_high"], color=color, alpha=0.25, lw=0)
    some = runs[0.1]
    axes.plot(some["log10_t"], some["train_error"], color="k", lw=1, label="training, labels as given")
    axes.plot(some["log10_t"], some["train_error_clean"], color="k", lw=1, ls="--", label="training, clean labels")
    axes.set(xscale="symlog", xlim=(0, 100), ylim=(-0.02, 0.75), xlabel="log$_{10}$ t, t in steps")
    axes.set_xticks([0, 1, 2, 5, 10, 100], ["0", "1", "2", "5", "10", "100"])
    axes.legend(frameon=False, fontsize=8, loc="upper right")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("overfitting"))
    parser.add_argument("--program", default=PROGRAM)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    points = make_sweep(arguments.program, arguments.out, arguments.seeds)
    runs = {
        signal: make_run(arguments.program, arguments.out / f"run-{signal}", [*RUN, f"data.signal_std={signal}"]) for signal in SIGNALS
    }

    figure, (times, leaky, relu) = plt.subplots(1, 3, figsize=(11, 3.6), sharey=True, layout="constrained")
    draw_times(times, runs)
    times.set(title="W(t), slope 0.1, d = 800", ylabel="error")
    draw_limits(leaky, points, 0.1)
    leaky.set(title="t = ∞, slope 0.1")
    leaky.legend(title="signal_std", frameon=False, fontsize=8, title_fontsize=8, loc="upper right")
    draw_limits(relu, points, 0.0)
    relu.set(title="ReLU, t = 10$^{100}$; band: f = 0")
    save_figure(figure, arguments.out / "overfitting.svg")
    print(arguments.out / "overfitting.svg")


if __name__ == "__main__":
    sys.exit(main())
