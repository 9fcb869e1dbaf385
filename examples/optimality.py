#!/usr/bin/env python3
"""How far limits are from the least norm, against slope and dimension: the table of docs/optimality.md.

    PYTHONPATH=build/release/python python3 examples/optimality.py [--seeds 3] [--out FOLDER]

For every slope and every ratio d/n, runs of n = 10 Gaussian samples and m = 10 neurons a class: the median over seeds of
what the limit is proved to be above the least |V|^2/2 of all weights with margins >= 1, and how many limits are proved to
be global optima, and local ones. With --out, the sweep is kept there, and figure optimality.svg (needs matplotlib).
"""

import argparse
import pathlib

import numpy as np

import latetime as lt

SLOPES = [0.0, 0.02, 0.1, 0.3, 0.6]
DIMENSIONS = [5, 10, 20, 50, 200]
SAMPLES = 10
QUANTITIES = ["limit_gap_proved", "limit_excess_proved", "limit_global_optimum", "limit_local_optimum"]


def limits(seeds: int, out):
    return lt.sweep(
        axes={"slope": SLOPES, "d": DIMENSIONS, "seed": range(1, seeds + 1)},
        base={"n": SAMPLES, "width": 10, "signal_std": 0.1, "until": "1e6"},
        quantities=QUANTITIES,
        out=out,
    ).to_xarray()


def print_table(data) -> None:
    print("slope    " + "".join(f"d/n = {d / SAMPLES:<17g}" for d in DIMENSIONS))
    for slope in SLOPES:
        cells = []
        for d in DIMENSIONS:
            point = data.sel(slope=slope, d=d)
            excess, found = point.limit_excess_proved.values, np.isfinite(point.limit_gap_proved.values)
            best, local = (int((point[name].values == 1).sum()) for name in ("limit_global_optimum", "limit_local_optimum"))
            median = f"{100 * np.median(excess[found]):.3g} %" if found.any() else "-"
            cells.append(f"{median:<9}{best}, {local} of {int(found.sum())}")
        print(f"{slope:<9g}" + "".join(f"{cell:<23}" for cell in cells))


def draw(data, path) -> None:
    import matplotlib.pyplot as plt

    from folders import save_figure

    figure, axes = plt.subplots(figsize=(5, 3.4))
    for slope in SLOPES:
        gaps = data.sel(slope=slope).limit_gap_proved
        axes.plot(np.array(DIMENSIONS) / SAMPLES, 100 * gaps.median("seed"), "o-", label=f"slope {slope:g}")
    axes.set(xscale="log", xlabel="d/n", ylabel="proved gap to the least norm, %", yscale="symlog", ylim=(-0.3, 3000))
    ratios = [d / SAMPLES for d in DIMENSIONS]
    axes.set_xticks(ratios, [f"{ratio:g}" for ratio in ratios])
    axes.minorticks_off()
    axes.legend(fontsize=7)
    figure.tight_layout()
    save_figure(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path)
    arguments = parser.parse_args()
    data = limits(arguments.seeds, arguments.out and str(arguments.out / "sweep"))
    print_table(data)
    if arguments.out:
        draw(data, arguments.out / "optimality.svg")


if __name__ == "__main__":
    main()
