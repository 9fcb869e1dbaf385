"""How far limits are from the least norm: against brute force, against NumPy, and against random search."""

import itertools
import json

import numpy as np
import pytest

import latetime as lt

optimize = pytest.importorskip("scipy.optimize")


def sigma(z, slope):
    return np.maximum(slope * z, z)


def margins(V, X, y, slope):
    """V is (2, m, d)."""
    f = (sigma(V[0] @ X.T, slope).sum(axis=0) - sigma(V[1] @ X.T, slope).sum(axis=0)) / V.shape[1]
    return y * f


def least_distance(C):
    """min |u|^2/2 with C u >= 1 by nonnegative least squares (Lawson & Hanson 1974, chapter 23); inf where there is none."""
    scale = np.abs(C).max()
    A = np.vstack([C.T / scale, np.ones(len(C))])
    b = np.zeros(len(A))
    b[-1] = 1.0
    solution, residual = optimize.nnls(A, b)
    r = A @ solution - b
    if residual < 1e-9:
        return np.inf
    u = -r[:-1] / r[-1]
    return 0.5 * u @ u / scale**2


def brute_force(X, y, m, slope):
    """The least |V|^2/2, all slopes of own-class pairs one by one; the others' as constraints, all at once."""
    n, d = X.shape
    best = np.inf
    patterns = []
    for side in (1, -1):
        own = np.flatnonzero(y == side)
        single = list(itertools.product((slope, 1.0), repeat=len(own)))
        patterns.append((own, list(itertools.combinations_with_replacement(single, m))))
    ways = np.array(list(itertools.product((slope, 1.0), repeat=m)))
    for plus in patterns[0][1]:
        for minus in patterns[1][1]:
            C = np.zeros((n, len(ways), 2 * m, d))
            for side, (own, _), chosen in ((0, patterns[0], plus), (1, patterns[1], minus)):
                for k in range(m):
                    for place, i in enumerate(own):
                        C[i, :, side * m + k] = chosen[k][place] * X[i]
                    for i in np.flatnonzero(y != (1, -1)[side]):
                        C[i, :, side * m + k] = -np.outer(ways[:, k], X[i])
            best = min(best, least_distance(C.reshape(n * len(ways), -1) / m))
    return best


def draw(seed):
    rng = np.random.default_rng(seed)
    family = seed % 7
    m = int(rng.integers(1, 4))
    n = int(rng.integers(1, 5 if m < 3 else 4))
    d = int(rng.integers(1, 4))
    X = rng.normal(size=(n, d))
    y = rng.choice([-1.0, 1.0], size=n)
    if family == 1:
        X = np.diag(rng.uniform(0.5, 2, size=n))
    if family == 2:
        X, y = np.array([[1.0, 0.1], [-1.0, 0.1], [0.1, 1.2], [0.1, -1.1]]) * rng.uniform(0.8, 1.2, (4, 1)), np.array([1.0, 1, -1, -1])
        m = min(m, 2)
    if family == 3:
        X[-1] = X[0]
    if family == 4:
        X[-1] = -X[0]
    if family == 5:
        y[:] = y[0]
    X = X * rng.choice([1.0, 1e6, 1e-6])
    return X, y, m, float(rng.choice([0.0, 0.1, 0.6]))


@pytest.mark.parametrize("first", range(0, 210, 30))
def test_the_optimum_lies_between_its_bounds(first):
    feasible = 0
    for seed in range(first, first + 30):
        X, y, m, slope = draw(seed)
        best = brute_force(X, y, m, slope)
        for effort in (0.0, 1.0):
            found = lt.least_norm(X, y, width=m, slope=slope, effort=effort)
            assert found.lower <= best * (1 + 1e-7), seed
            assert found.upper >= best * (1 - 1e-7), seed
            if found.coefficients is not None:
                V = found.coefficients @ X
                assert margins(V, X, y, slope).min() >= 1 - 1e-9
                assert 0.5 * (V**2).sum() == pytest.approx(found.upper, rel=1e-9)
        if np.isfinite(best):
            feasible += 1
            assert found.upper == pytest.approx(best, rel=1e-6), seed
    assert feasible >= 10


def runs():
    """Limits of real runs on small problems: (X, y, m, slope, Limit)."""
    for seed in range(24):
        rng = np.random.default_rng(1000 + seed)
        n, d = int(rng.integers(2, 7)), int(rng.integers(2, 9))
        m = int(rng.integers(1, 6))
        X = np.diag(rng.uniform(0.5, 2, size=n)) if seed % 4 == 0 else rng.normal(size=(n, d))
        y = rng.choice([-1.0, 1.0], size=n)
        slope = (0.0, 0.1, 0.5, 0.0)[seed % 4]
        limit = lt.limit(lt.run(X, y, width=m, slope=slope, until="1e5", seed=seed, init_std=1e-2))
        if limit.status == "found":
            yield X, y, m, slope, limit


def test_verdicts_of_runs():
    rng = np.random.default_rng(5)
    seen = {"optimal": 0, "not-optimal": 0, "undecided": 0}
    for X, y, m, slope, limit in runs():
        found = limit.optimality
        V = limit.coefficients @ X
        value = 0.5 * (V**2).sum()
        assert found["value"] == pytest.approx(value, rel=1e-9)
        assert found["lower"] <= found["upper"] <= found["value"]
        assert found["gap"] == pytest.approx(found["value"] / found["lower"] - 1, abs=1e-12)
        if m * len(y) <= 12:
            best = brute_force(X, y, m, slope)
            assert found["lower"] <= best * (1 + 1e-7)
            assert found["upper"] >= best * (1 - 1e-7)
        for name in ("better", "better_nearby"):
            if found[name] is None:
                continue
            W = found[name] @ X
            assert margins(W, X, y, slope).min() >= 1 - 1e-9
            assert 0.5 * (W**2).sum() < value
        local = found["local"]
        seen[local["verdict"]] += 1
        if local["verdict"] == "optimal":
            # No feasible weights nearby have a smaller norm: random directions, scaled to margins of 1.
            for scale in (1e-2, 1e-3, 1e-4):
                for _ in range(300):
                    W = V + scale * np.abs(V).max() * rng.normal(size=V.shape)
                    least = margins(W, X, y, slope).min()
                    if least > 0:
                        assert 0.5 * ((W / least) ** 2).sum() >= value * (1 - 1e-9)
            assert local["certainty"] in ("proved", "estimated")
        if local["verdict"] == "not-optimal":
            # The way to the better point is feasible and descends from its first step.
            W = found["better_nearby"] @ X
            for part in (1e-6, 1e-3, 0.1, 0.5, 1.0):
                between = V + part * (W - V)
                assert margins(between, X, y, slope).min() >= 1 - 1e-8
                assert (between**2).sum() < (V**2).sum()
    assert seen["optimal"] >= 3 and seen["not-optimal"] >= 3


def test_orthogonal_samples_have_their_closed_form():
    # ReLU: v_k = (1/m) sum over the active own samples, which alone decide; |S_i| neurons share sample i, so that
    # |V|^2 = sum_i m^2 / (|S_i| |x_i|^2), and the least is at |S_i| = m.
    m, norms = 6, np.array([1.0, 2.0, 0.5, 1.5])
    X, y = np.diag(norms), np.array([1.0, -1.0, 1.0, -1.0])
    limit = lt.limit(lt.run(X, y, width=m, slope=0.0, until="1e5", seed=3))
    shared = np.array([(limit.slopes[0 if label > 0 else 1, :, i] == 1).sum() for i, label in enumerate(y)])
    assert shared.min() < m
    found = limit.optimality
    assert found["value"] == pytest.approx(0.5 * (m**2 / shared / norms**2).sum(), rel=1e-9)
    assert found["lower"] == pytest.approx(0.5 * (m / norms**2).sum(), rel=1e-9)
    assert found["upper"] == pytest.approx(found["lower"], rel=1e-9)
    assert found["global"] == {"verdict": "not-optimal", "certainty": "proved", "reason": found["global"]["reason"]}
    assert (found["local"]["verdict"], found["local"]["certainty"]) == ("not-optimal", "proved")


def test_what_is_stored_is_what_is_computed_and_printed(tmp_path, program):
    run = lt.run(n=8, d=300, width=4, slope=0.0, until="1e30", seed=1, out=str(tmp_path / "run"))
    stored, again = run.limit, lt.limit(run, effort=1.0)
    assert stored.stored
    for name, value in stored.optimality.items():
        if name.startswith("better"):
            assert (value is None) == (again.optimality[name] is None)
            assert value is None or np.array_equal(value, again.optimality[name])
        else:
            assert value == again.optimality[name]
    printed = json.loads(program("limit", str(tmp_path / "run"), "--json")[1])
    for name, value in printed["optimality"].items():
        assert value == stored.optimality[name]
    text = program("limit", str(tmp_path / "run"))[1]
    assert "global optimum" in text and "local optimum" in text
    less = lt.limit(run, effort=0.0).optimality
    assert less["lower"] <= stored.optimality["lower"]


def test_sweeps_keep_the_gap():
    rows = lt.sweep(
        axes={"slope": [0.0, 1.0]}, base={"n": 4, "d": 30, "width": 3, "until": "1e30"},
        quantities=["limit_gap_proved", "limit_excess_proved", "limit_global_optimum", "limit_local_optimum"],
    ).to_xarray()
    linear = rows.sel(slope=1.0)
    assert float(linear.limit_gap_proved) < 1e-9
    assert float(linear.limit_global_optimum) == 1 and float(linear.limit_local_optimum) == 1
    assert float(rows.sel(slope=0.0).limit_gap_proved) >= float(rows.sel(slope=0.0).limit_excess_proved) >= 0


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"width": 0}, "width"),
        ({"width": 2, "slope": 1.5}, "slope"),
        ({"width": 2, "effort": -1.0}, "effort"),
    ],
)
def test_bad_input_is_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        lt.least_norm(np.eye(2), [1, -1], **arguments)


def test_samples_of_extreme_norms_are_refused():
    with pytest.raises(ValueError, match="scale the samples"):
        lt.least_norm(1e-60 * np.eye(2), [1, -1], width=1)
