#!/usr/bin/env python3
"""Recomputes a full-batch run with NumPy alone and compares every measure.

    latetime run --out small --set descent.until=3000
    latetime export small --npz
    examples/check_run.py small/result.npz SLOPE LEARNING_RATE

Prints the largest difference of each quantity over all records; exits with 1 when one is above 1e-10
(relative to the size of the quantity). Takes one step at a time: keep the run short.
"""

import sys

import numpy as np


def stable_rank(a):
    s = np.linalg.svd(a, compute_uv=False)
    return (s**2).sum() / s[0] ** 2


def own_class(pairs, y):
    """Rows of each sample's own class: (2, m, n) -> (m, n)."""
    return np.where(y > 0, pairs[0], pairs[1])


def measures(w, w0, c, x, y, slope, sign):
    m = w.shape[1]
    z = np.einsum("jmd,nd->jmn", w, x)
    active = z >= 0
    u = y * (sign * np.where(active, z, slope * z)).sum((0, 1)) / m
    g = 1 / (1 + np.exp(u))
    found = {
        "log_loss": np.log(np.mean(np.log1p(np.exp(-u)))),
        "min_margin": u.min(),
        "norm_w": np.linalg.norm(w),
        "stable_rank_pos": stable_rank(w[0]),
        "stable_rank_neg": stable_rank(w[1]),
        "stable_rank_all": stable_rank(w.reshape(2 * m, -1)),
        "active_own": own_class(active, y).sum(0),
        "rho_own_mean": own_class(c, y).mean(0) * (x**2).sum(1),
        "rho_other_mean": own_class(c, -y).mean(0) * (x**2).sum(1),
        "decomposition": np.abs(w - w0 - np.einsum("jmn,nd->jmd", c, x)).max(),
    }
    if u.min() > 0:
        gradient = np.einsum("jmn,nd->jmd", sign * np.where(active, 1, slope) * (g * y), x)
        cosine = (w * gradient).sum() / np.linalg.norm(w) / np.linalg.norm(gradient)
        found["kkt_stationarity"] = np.sqrt(1 - cosine**2)
        found["kkt_complementarity"] = (g * (u - u.min())).sum() / (g * u).sum()
    return found


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    run = np.load(sys.argv[1])
    slope, rate = float(sys.argv[2]), float(sys.argv[3])
    x, y, w0 = run["data.x"], run["data.y"], run["network.initial_weights"]
    m, n = w0.shape[1], len(y)
    sign = np.array([1.0, -1.0])[:, None, None]
    w, c, switches, step, worst = w0.copy(), np.zeros((2, m, n)), 0, 0, {}
    z = np.einsum("jmd,nd->jmn", w, x)
    active = z >= 0
    for record, target in enumerate(run["records.step"].astype(int)):
        while step < target:
            u = y * (sign * np.where(active, z, slope * z)).sum((0, 1)) / m
            increment = rate / (n * m) * sign * np.where(active, 1, slope) * (y / (1 + np.exp(u)))
            c += increment
            w += np.einsum("jmn,nd->jmd", increment, x)
            z = np.einsum("jmd,nd->jmn", w, x)
            switches += ((z >= 0) != active).sum()
            active = z >= 0
            step += 1
        found = measures(w, w0, c, x, y, slope, sign)
        found["switches"] = switches
        for name, value in found.items():
            stored = 0.0 if name == "decomposition" else run["records." + name][record]
            error = np.max(np.abs(stored - value)) / max(1.0, np.max(np.abs(value)))
            worst[name] = max(worst.get(name, 0.0), error)
    for name, error in worst.items():
        print(f"{name:<24}{error:.1e}")
    sys.exit(0 if max(worst.values()) < 1e-10 else 1)


if __name__ == "__main__":
    main()
