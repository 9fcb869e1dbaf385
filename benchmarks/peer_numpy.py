#!/usr/bin/env python3
"""Peer: the descent in coefficient coordinates in pure NumPy, as well as NumPy can.

    peer_numpy.py N D M SLOPE STEPS

Z = Z(0) + C G is all a step needs, so D costs nothing here either. Every array is preallocated and
every operation writes in place. Prints one JSON line: {"name", "steps_per_second", "threads"}, the
better of one and two BLAS threads. Exits with 3 when NumPy is not installed.
"""

import json
import os
import subprocess
import sys
import time


def measure(n, d, m, slope, steps):
    import numpy as np

    random = np.random.default_rng(1)
    x = random.standard_normal((n, d))
    y = np.where(random.random(n) < 0.5, 1.0, -1.0)
    w0 = 1e-3 * random.standard_normal((2 * m, d))
    gram = x @ x.T
    z = w0 @ x.T
    c = np.zeros((2 * m, n))
    second = np.repeat([1.0 / m, -1.0 / m], m)
    # Rows of class -1 move along the negative of the pulls.
    rate_and_label = np.outer(np.repeat([1.0, -1.0], m), 0.1 / (n * m) * y)
    active = np.empty((2 * m, n), dtype=bool)
    work, product = np.empty((2 * m, n)), np.empty((2 * m, n))
    f = np.empty(n)

    def descend(count):
        for _ in range(count):
            if slope == 0.0:
                np.maximum(z, 0.0, out=work)
            else:
                np.multiply(z, slope, out=work)
                np.maximum(z, work, out=work)
            np.dot(second, work, out=f)
            np.multiply(f, y, out=f)
            np.exp(f, out=f)
            np.add(f, 1.0, out=f)
            np.reciprocal(f, out=f)  # g = 1 / (1 + e^u)
            np.greater_equal(z, 0.0, out=active)
            np.multiply(rate_and_label, f, out=work)
            if slope == 0.0:
                np.multiply(work, active, out=work)
            else:
                np.multiply(active, 1.0 - slope, out=product)
                np.add(product, slope, out=product)
                np.multiply(work, product, out=work)
            np.add(c, work, out=c)
            np.dot(work, gram, out=product)
            np.add(z, product, out=z)

    descend(max(20, steps // 10))
    start = time.perf_counter()
    descend(steps)
    return steps / (time.perf_counter() - start)


def main():
    arguments = sys.argv[1:6]
    if os.environ.get("PEER_NUMPY_CHILD"):
        n, d, m = (int(a) for a in arguments[:3])
        print(measure(n, d, m, float(arguments[3]), int(arguments[4])))
        return
    try:
        import numpy  # noqa: F401
    except ImportError:
        print("NumPy is not installed", file=sys.stderr)
        sys.exit(3)
    rates = {}
    for threads in (1, 2):  # the BLAS reads the number when it is loaded: a process each
        environment = dict(os.environ, PEER_NUMPY_CHILD="1", OMP_NUM_THREADS=str(threads),
                           OPENBLAS_NUM_THREADS=str(threads))
        output = subprocess.run([sys.executable, __file__, *arguments], env=environment, check=True,
                                capture_output=True, text=True).stdout
        rates[threads] = float(output)
    best = max(rates, key=rates.get)
    print(json.dumps({"name": "numpy-coefficients", "steps_per_second": rates[best], "threads": best}))


if __name__ == "__main__":
    main()
