#!/usr/bin/env python3
"""Makes the small reference trajectories of this folder: gradient descent in 40-digit arithmetic.

    python3 make_reference.py          writes gd_slope_0.npz and gd_slope_0.3.npz beside this file

Plain loops over decimal.Decimal numbers, nothing shared with the library. Each file holds
  X (n,d), y (n), W0 (2,m,d)             inputs, doubles; W0[0] is class +1, W0[1] class -1
  slope, learning_rate                   gamma, eta (the exact values of these doubles are used)
  steps (s), W_hi, W_lo (s,2,m,d)        snapshots of W as sums of two doubles
  log_loss_hi, log_loss_lo (T+1)         log of the mean logistic loss at every step 0..T
  own_switches, other_switches (T+1)     activation changes so far
  min_abs_z (T+1)                        smallest |z|: how far any rounding is from deciding a sign
"""

import decimal
import pathlib

import numpy as np

decimal.getcontext().prec = 40
D = decimal.Decimal

N, DIM, WIDTH, STEPS = 4, 6, 3, 200
SNAPSHOTS = [0, 1, 2, 5, 10, 20, 50, 100, 150, 200]
LEARNING_RATE = 0.3
INIT_STD = 0.2


def exact(array):
    """Nested lists of the exact values of doubles."""
    return [exact(a) for a in array] if np.ndim(array) else D(float(array))


def as_two_doubles(values):
    array = np.array(values, dtype=object)
    high = array.astype(np.float64)
    rest = [x - D(float(h)) for x, h in zip(array.ravel(), high.ravel())]
    return high, np.array([float(r) for r in rest]).reshape(high.shape)


def dot(a, b):
    return sum((p * q for p, q in zip(a, b)), D(0))


def preactivations(w, x):
    return [[dot(neuron, sample) for sample in x] for neuron in w]


def descend(x, y, w, slope, rate):
    """Yields (W, Z, log loss) at steps 0, 1, ...; w is a list of 2*WIDTH rows, class +1 first."""
    sign = [1] * WIDTH + [-1] * WIDTH
    while True:
        z = preactivations(w, x)
        sigma = [[v if v >= 0 else slope * v for v in row] for row in z]
        f = [sum((s * row[i] for s, row in zip(sign, sigma)), D(0)) / WIDTH for i in range(N)]
        u = [y[i] * f[i] for i in range(N)]
        loss = sum(((1 + (-v).exp()).ln() for v in u), D(0)) / N
        yield w, z, loss.ln()
        g = [1 / (1 + v.exp()) for v in u]
        w = [
            [
                weight
                + rate / (N * WIDTH)
                * sum(
                    (
                        g[i] * y[i] * s * (1 if row[i] >= 0 else slope) * x[i][j]
                        for i in range(N)
                    ),
                    D(0),
                )
                for j, weight in enumerate(neuron)
            ]
            for s, neuron, row in zip(sign, w, z)
        ]


def make_case(slope, path):
    random = np.random.RandomState(2024)
    x = random.standard_normal((N, DIM))
    y = np.array([1.0, -1.0, 1.0, -1.0])
    w0 = INIT_STD * random.standard_normal((2, WIDTH, DIM))
    snapshots, log_losses, smallest = [], [], []
    own, other = [0], [0]
    before = None
    run = descend(exact(x), exact(y), exact(w0.reshape(2 * WIDTH, DIM)), D(slope), D(LEARNING_RATE))
    for step in range(STEPS + 1):
        w, z, log_loss = next(run)
        log_losses.append(log_loss)
        smallest.append(float(min(abs(v) for row in z for v in row)))
        if step in SNAPSHOTS:
            snapshots.append(w)
        active = np.array([[v >= 0 for v in row] for row in z])
        if before is not None:
            changed = active != before
            is_own = np.repeat([1.0, -1.0], WIDTH)[:, None] == y[None, :]
            own.append(own[-1] + int((changed & is_own).sum()))
            other.append(other[-1] + int((changed & ~is_own).sum()))
        before = active
    w_hi, w_lo = (a.reshape(-1, 2, WIDTH, DIM) for a in as_two_doubles(snapshots))
    log_loss_hi, log_loss_lo = as_two_doubles(log_losses)
    np.savez_compressed(
        path, X=x, y=y, W0=w0, slope=slope, learning_rate=LEARNING_RATE,
        steps=np.array(SNAPSHOTS), W_hi=w_hi, W_lo=w_lo,
        log_loss_hi=log_loss_hi, log_loss_lo=log_loss_lo,
        own_switches=np.array(own), other_switches=np.array(other),
        min_abs_z=np.array(smallest))
    print(f"{path.name}: {own[-1]} own and {other[-1]} other switches, "
          f"smallest |z| {min(smallest):.1e}, log loss {log_loss:.6f}")


if __name__ == "__main__":
    folder = pathlib.Path(__file__).resolve().parent
    for slope in (0.0, 0.3):
        make_case(slope, folder / f"gd_slope_{slope:g}.npz")
