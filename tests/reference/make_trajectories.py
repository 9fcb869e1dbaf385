#!/usr/bin/env python3
"""Makes the longer reference trajectories: full-batch gradient descent in plain NumPy.

    python3 make_trajectories.py FOLDER     writes nine files, some ten seconds and 12 MB

Nothing is shared with the library. Three problems, each with slopes 0, 0.1 and 0.5:
  a_n6_d20_m8        2,000 steps; also in 40-digit arithmetic
  b_n10_d784_m100    10,000 steps, of the size of Figure 1
  c_orth_n8_d32_m25  20,000 steps, exactly orthogonal samples
ReLU networks switch activations in almost every step. Each file holds
  X (n,d), y (n), W0 (2,m,d)          inputs; W0[0] is class +1, W0[1] class -1
  gamma, lr                           slope, learning rate
  steps (s), W (s,2,m,d), Z (s,2,m,n) snapshots; of b the last one alone, steps_of_W_and_Z
  sr (s,3)                            stable ranks of W_{+1}, W_{-1} and both stacked, at steps
  loss, n_active, flips, min_abs_z    at every step 0..T: mean logistic loss, active pairs,
                                      activations that changed in that step, smallest |z|
  mp_W_hi, mp_W_lo, mp_loss           of a: the same in 40 digits, W as sums of two doubles
"""

import decimal
import pathlib
import sys

import numpy as np

decimal.getcontext().prec = 40
D = decimal.Decimal

SLOPES = (0.0, 0.1, 0.5)


def orthogonal_rows(random, n, d):
    """n rows of a Hadamard matrix of order d, halved: orthogonal without any rounding."""
    hadamard = np.ones((1, 1))
    while len(hadamard) < d:
        hadamard = np.kron(hadamard, np.array([[1.0, 1.0], [1.0, -1.0]]))
    return 0.5 * hadamard[random.permutation(d)[:n]]


def problems():
    random = np.random.RandomState(20231101)
    alternating = lambda n: np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    mean = 0.02 * random.standard_normal(784)
    yield ("a_n6_d20_m8", random.standard_normal((6, 20)), alternating(6),
           0.1 * random.standard_normal((2, 8, 20)), 0.1, 2000)
    y = alternating(10)
    yield ("b_n10_d784_m100", y[:, None] * mean + random.standard_normal((10, 784)), y,
           1e-3 * random.standard_normal((2, 100, 784)), 0.1, 10_000)
    yield ("c_orth_n8_d32_m25", orthogonal_rows(random, 8, 32), alternating(8),
           1e-2 * random.standard_normal((2, 25, 32)), 0.1, 20_000)


def stable_rank(w):
    squares = np.linalg.svd(w, compute_uv=False) ** 2
    return squares.sum() / squares[0]


def descend(x, y, w, slope, rate):
    """Yields (W, Z, loss) at steps 0, 1, ...; W is (2, m, d)."""
    n, m = len(y), w.shape[1]
    sign = np.array([1.0, -1.0])[:, None, None]
    while True:
        z = w @ x.T
        f = (sign * np.where(z >= 0, z, slope * z)).sum(axis=(0, 1)) / m
        u = y * f
        yield w, z, np.logaddexp(0.0, -u).mean()
        g = np.exp(-np.logaddexp(0.0, u))
        w = w + rate / (n * m) * (sign * np.where(z >= 0, 1.0, slope) * (g * y)) @ x


def exact(array):
    return [exact(a) for a in array] if np.ndim(array) else D(float(array))


def two_doubles(values):
    array = np.array(values, dtype=object)
    high = array.astype(np.float64)
    low = [float(v - D(float(h))) for v, h in zip(array.ravel(), high.ravel())]
    return high, np.array(low).reshape(high.shape)


def descend_in_digits(x, y, w, slope, rate):
    """The same for lists of Decimal; W is a list of 2m rows, class +1 first."""
    n, m, d = len(y), len(w) // 2, len(x[0])
    sign = [1] * m + [-1] * m
    while True:
        z = [[sum(p * q for p, q in zip(neuron, sample)) for sample in x] for neuron in w]
        f = [sum(s * (row[i] if row[i] >= 0 else slope * row[i]) for s, row in zip(sign, z)) / m
             for i in range(n)]
        u = [y[i] * f[i] for i in range(n)]
        yield w, sum((1 + (-v).exp()).ln() for v in u) / n
        pull = [rate / (n * m) * y[i] / (1 + u[i].exp()) for i in range(n)]
        moved = []
        for s, neuron, row in zip(sign, w, z):
            amount = [s * pull[i] * (1 if row[i] >= 0 else slope) for i in range(n)]
            moved.append([v + sum(amount[i] * x[i][j] for i in range(n))
                          for j, v in enumerate(neuron)])
        w = moved


def snapshots_of(last):
    steps = {0, last} | {int(round(10 ** (k / 4))) for k in range(4 * 5 + 1)}
    return sorted(step for step in steps if step <= last)


def trajectory(x, y, w0, slope, rate, last, weights_at):
    steps = snapshots_of(last)
    result = {"loss": [], "n_active": [], "flips": [], "min_abs_z": [], "W": [], "Z": [], "sr": []}
    before = None
    for step, (w, z, loss) in zip(range(last + 1), descend(x, y, w0, slope, rate)):
        active = z >= 0
        result["loss"].append(loss)
        result["n_active"].append(active.sum())
        result["flips"].append(0 if before is None else (active != before).sum())
        result["min_abs_z"].append(np.abs(z).min())
        before = active
        if step in weights_at:
            result["W"].append(w)
            result["Z"].append(z)
        if step in steps:
            result["sr"].append([stable_rank(w[0]), stable_rank(w[1]), stable_rank(np.vstack(w))])
    return {"steps": np.array(steps), "steps_of_W_and_Z": np.array(weights_at),
            **{name: np.array(values) for name, values in result.items()}}


def in_digits(x, y, w0, slope, rate, last):
    steps = snapshots_of(last)
    run = descend_in_digits(exact(x), exact(y), exact(w0.reshape(-1, x.shape[1])), D(slope), D(rate))
    weights, losses = [], []
    for step, (w, loss) in zip(range(last + 1), run):
        losses.append(float(loss))
        if step in steps:
            weights.append(w)
    high, low = two_doubles(weights)
    shape = (len(steps), *w0.shape)
    return {"mp_W_hi": high.reshape(shape), "mp_W_lo": low.reshape(shape),
            "mp_loss": np.array(losses)}


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, x, y, w0, rate, last in problems():
        weights_at = [last] if name.startswith("b") else snapshots_of(last)
        for slope in SLOPES:
            arrays = trajectory(x, y, w0, slope, rate, last, weights_at)
            if name.startswith("a"):
                arrays.update(in_digits(x, y, w0, slope, rate, last))
            path = folder / f"{name}_g{slope:g}.npz"
            np.savez(path, X=x, y=y, W0=w0, gamma=slope, lr=rate, **arrays)
            print(f"{path.name}: {int(arrays['flips'].sum())} switches, smallest |z| "
                  f"{arrays['min_abs_z'].min():.1e}, loss {arrays['loss'][-1]:.6g}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
