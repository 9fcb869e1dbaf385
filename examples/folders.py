"""What the examples that draw from runs share: runs of `latetime` in folders, their tables, figures of the same bytes."""

import csv
import pathlib
import subprocess

import matplotlib
import numpy as np

SOURCES = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = str(SOURCES / "build/release/latetime")


def read_table(path):
    """Columns of a CSV file as arrays; NaN where a field is empty or a word."""

    def number(field):
        try:
            return float(field)
        except ValueError:
            return np.nan

    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    return {name: np.array([number(row[k]) for row in rows[1:]]) for k, name in enumerate(rows[0])}


def make_run(program, folder, keys):
    """The columns of metrics.csv of the run with these keys; gone on with where it is in the folder already."""
    if not (folder / "overview.svg").exists():  # the last that every run writes
        resume = ["--resume"] if folder.exists() else []
        settings = [word for key in keys for word in ("--set", key)]
        subprocess.run([program, "run", "--out", str(folder), "-q", *settings, *resume], check=True)
    return read_table(folder / "metrics.csv")


def save_figure(figure, path):
    """The same bytes whenever it is drawn."""
    matplotlib.rcParams["svg.hashsalt"] = "latetime"
    figure.savefig(path, metadata={"Date": None})
