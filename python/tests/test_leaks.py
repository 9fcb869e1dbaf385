"""A thousand runs, and what they leave behind."""

import gc
import resource

import numpy as np

import latetime as lt


def resident_kilobytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 1024


def one_run(i, folder):
    rng = np.random.default_rng(i)
    X, y = rng.standard_normal((6, 600)), np.array([1, -1] * 3)
    run = lt.run(X, y, width=5, slope=0.2, until="1e20" if i % 2 else "300", threads=1, measures=lambda s: s.margins)
    assert run.t.size > 5 and lt.limit(run).status
    if i % 100 == 0:
        run.save(folder / str(i))
        lt.load(folder / str(i))
    try:
        lt.run(X, y, width=-1)
    except ValueError:
        pass


def test_a_thousand_runs_leave_nothing(tmp_path):
    for i in range(150):  # libraries fill their caches
        one_run(i, tmp_path / "warm")
    gc.collect()
    before = resident_kilobytes()
    for i in range(1000):
        one_run(i, tmp_path / "then")
    gc.collect()
    grown = resident_kilobytes() - before
    # A run's samples take 29 kB, its weights 48 kB: one array lost in each run would show as 29 MB or more.
    assert grown < 8_000, f"{grown} kB more after a thousand runs"
