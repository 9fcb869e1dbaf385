"""Errors on new samples, held to a program in NumPy that knows weights and distribution and counts by brute force."""

import csv
import math
import os
import subprocess

import numpy as np
import pytest

import latetime as lt

DEFAULT = dict(n=10, d=60, width=4, signal_std=0.15, seed=3, per_decade=1)


def outputs(weights, X, slope):
    """f(x) of every row of X, from weights (2, m, d): the definition."""
    z = np.einsum("jmd,nd->jmn", weights, X)
    out = np.where(z >= 0, z, slope * z).mean(axis=1)
    return out[0] - out[1]


def error(weights, X, y, slope):
    return np.mean(y * outputs(weights, X, slope) <= 0)


def drawn_error(weights, mean, noise_std, slope, draws, seed=0):
    """Share of wrong draws of the mixture, and its standard deviation."""
    generator = np.random.default_rng(seed)
    wrong, block = 0, 20_000
    for _ in range(draws // block):
        y = generator.choice([-1.0, 1.0], block)
        X = y[:, None] * mean + noise_std * generator.standard_normal((block, len(mean)))
        wrong += np.sum(y * outputs(weights, X, slope) <= 0)
    share = wrong / draws
    return share, math.sqrt(max(share * (1 - share), 1 / draws) / draws)


def limit_weights(run):
    return run.limit.coefficients @ run.X


@pytest.mark.parametrize("slope", [0.0, 0.1])
@pytest.mark.parametrize("until", [0, 300, "1e100"])
def test_errors_are_those_of_the_weights(slope, until):
    run = lt.run(**DEFAULT, slope=slope, until=until, test_n=400, label_noise=0.2)
    assert run.X_test.shape == (400, 60)
    assert run.test_error[-1] == error(run.weights, run.X_test, run.y_test, slope)
    assert run.train_error[-1] == error(run.weights, run.X, run.y, slope)
    assert run.train_error_clean[-1] == error(run.weights, run.X, run.clean_y, slope)
    seen, deviation = drawn_error(run.weights, run["/data/mean"], 1.0, slope, 100_000)
    assert run.population_error_low[-1] - 4 * deviation <= seen <= run.population_error_high[-1] + 4 * deviation
    assert run.population_error_low[-1] <= run.population_error[-1] <= run.population_error_high[-1]


@pytest.mark.parametrize("slope", [0.0, 0.1])
def test_the_limit_is_judged_as_its_weights_are(slope):
    run = lt.run(**DEFAULT, slope=slope, until="1e100", test_n=300)
    weights = limit_weights(run)
    errors = run.limit.errors
    f = outputs(weights, run.X_test, slope)
    zero = np.abs(f) <= 1e-9 * np.linalg.norm(weights, axis=2).sum() / 4 * np.linalg.norm(run.X_test, axis=1)
    assert errors["test_zero"] == np.mean(zero)
    assert errors["test_error"] == np.mean(zero | (run.y_test * f <= 0)) == run.limit.test_error
    assert errors["train_error"] == 0.0
    seen, deviation = drawn_error(weights, run["/data/mean"], 1.0, slope, 200_000, seed=1)
    assert errors["population_error_low"] - 4 * deviation <= seen <= errors["population_error_high"] + 4 * deviation
    assert errors["population_error"] == run.limit.population_error
    # Where V decides, the last W(t) of the run has come to the same.
    now = outputs(run.weights, run.X_test, slope)
    assert np.mean((np.sign(now) != np.sign(f)) & ~zero) <= 0.02


def test_a_quadrature_agrees_with_millions_of_draws():
    run = lt.run(n=12, d=300, width=5, signal_std=0.1, slope=0.3, until="1e100", test_n=10)
    errors = run.limit.errors
    assert errors["population_method"] == "quadrature" and errors["population_draws"] == 0
    assert errors["population_error_high"] - errors["population_error_low"] < 1e-7
    # The plane that the limit's neurons span is all that matters of x: draws there are cheap.
    weights = limit_weights(run).reshape(10, 300)
    _, sizes, basis = np.linalg.svd(weights, full_matrices=False)
    assert sizes[2] < 1e-9 * sizes[0]
    plane = basis[:2]
    small, mean = (weights @ plane.T).reshape(2, 5, 2), plane @ run["/data/mean"]
    seen, deviation = drawn_error(small, mean, 1.0, 0.3, 4_000_000)
    assert abs(seen - errors["population_error"]) <= 4.5 * deviation


def test_nothing_changes_where_nothing_is_asked_for():
    plain = lt.run(**DEFAULT, until="1e30")
    judged = lt.run(**DEFAULT, until="1e30", test_n=50)
    assert "test_error" not in plain.columns and judged.columns[: len(plain.columns)] == plain.columns
    for name in plain.names():
        if not name.startswith("/provenance"):
            assert np.array_equal(plain[name], judged[name], equal_nan=True) if not isinstance(plain[name], (str, list)) \
                else plain[name] == judged[name]
    assert plain.limit.errors is None and math.isnan(plain.limit.test_error)
    with pytest.raises(ValueError, match="has no test samples"):
        plain.X_test


def test_noise_flips_more_of_the_same_labels():
    runs = {share: lt.run(**DEFAULT, until=0, label_noise=share) for share in (0.1, 0.25, 0.49)}
    clean = lt.run(**DEFAULT, until=0)
    flipped = {share: run.y != run.clean_y for share, run in runs.items()}
    for share, run in runs.items():
        assert np.array_equal(run.X, clean.X) and np.array_equal(run.clean_y, clean.y)
        assert np.array_equal(run.y[~flipped[share]], clean.y[~flipped[share]])
    assert np.all(flipped[0.1] <= flipped[0.25]) and np.all(flipped[0.25] <= flipped[0.49])
    assert flipped[0.49].any()
    same = lt.run(**DEFAULT, until="1e20", label_noise=0.0, test_n=5)
    assert np.array_equal(same["/final/weights"], lt.run(**DEFAULT, until="1e20").weights)


def test_labels_and_classes_exchanged_give_the_same_errors():
    """Flip all labels and exchange the two groups of neurons: the same network with its sign changed."""
    generator = np.random.default_rng(5)
    X, T = generator.standard_normal((12, 40)), generator.standard_normal((90, 40))
    y, s = generator.choice([-1, 1], 12), generator.choice([-1, 1], 90)
    W0 = 1e-3 * generator.standard_normal((2, 4, 40))
    one = lt.run(X, y, W0=W0, X_test=T, y_test=s, slope=0.2, until="1e40")
    other = lt.run(X, -y, W0=W0[::-1].copy(), X_test=T, y_test=-s, slope=0.2, until="1e40")
    assert np.array_equal(one.test_error, other.test_error)
    assert one.limit.test_error == other.limit.test_error


def test_arrays_with_noise_go_on_as_they_began(tmp_path):
    generator = np.random.default_rng(6)
    X, T = generator.standard_normal((12, 30)), generator.standard_normal((40, 30))
    y, s = generator.choice([-1, 1], 12), generator.choice([-1, 1], 40)
    keys = dict(X_test=T, y_test=s, label_noise=0.3, width=4, slope=0.1)
    whole = lt.run(X, y, **keys, until="1e30")
    part = lt.run(X, y, **keys, until="1e12")
    assert np.array_equal(whole.clean_y, y) and np.array_equal(whole.y_test, s)
    gone_on = part.resume("1e30")
    assert np.array_equal(gone_on.test_error, whole.test_error)
    assert np.array_equal(gone_on["/data/y"], whole.y)
    part.save(tmp_path / "part")
    loaded = lt.load(tmp_path / "part")
    assert np.array_equal(loaded.test_error, part.test_error)
    program = os.environ.get("LATETIME_PROGRAM")
    if program:
        subprocess.run([program, "run", "-q", str(tmp_path / "part/config.toml"), "--resume", "--out", str(tmp_path / "part"),
                        "--set", "descent.until=1e30"], check=True)
        assert np.array_equal(lt.load(tmp_path / "part").test_error, whole.test_error)
        assert lt.limit(tmp_path / "part").errors == whole.limit.errors


def test_files_of_test_samples(tmp_path):
    generator = np.random.default_rng(7)
    for name, rows in (("X", 10), ("T", 25)):
        np.save(tmp_path / f"{name}.npy", generator.standard_normal((rows, 20)))
        np.save(tmp_path / f"{name}_labels.npy", generator.choice([-1, 1], rows))
    files = dict(test_x=str(tmp_path / "T.npy"), test_y=str(tmp_path / "T_labels.npy"))
    run = lt.run(str(tmp_path / "X.npy"), str(tmp_path / "X_labels.npy"), **files, width=3, until=100)
    assert run.test_error[-1] == error(run.weights, run.X_test, run.y_test, 0.1)
    assert np.isnan(run.population_error).all()
    np.save(tmp_path / "T.npy", generator.standard_normal((25, 21)))
    with pytest.raises(ValueError, match="data.test_x.*21 features, the training samples have 20"):
        lt.run(str(tmp_path / "X.npy"), str(tmp_path / "X_labels.npy"), **files, width=3, until=100)


@pytest.mark.parametrize(
    "keys, words",
    [
        (dict(test_n=-1), "data.test_n"),
        (dict(label_noise=0.5), "below 0.5"),
        (dict(label_noise=-0.1), "data.label_noise"),
        (dict(source="near-orthogonal", test_n=3), "data.test_n"),
        (dict(population_draws=1), "data.population_draws"),
    ],
)
def test_bad_keys_are_refused_in_one_line(keys, words):
    with pytest.raises(ValueError, match=words) as refusal:
        lt.run(**keys, until=0)
    assert "\n" not in str(refusal.value)


def test_bad_test_arrays_are_refused_in_one_line():
    X, y = np.eye(4), [1, -1, 1, -1]
    for keys, words in [
        (dict(X_test=X), "y_test: is missing"),
        (dict(X_test=np.eye(3), y_test=[1, -1, 1]), "X_test: has 3 features, X has 4"),
        (dict(X_test=X, y_test=[1, -1, 1]), "X_test: has 4 samples and 3 labels"),
        (dict(X_test=X * np.nan, y_test=y), "X_test"),
        (dict(test_n=10), "give the test samples as X_test and y_test"),
    ]:
        with pytest.raises((ValueError, TypeError), match=words) as refusal:
            lt.run(X, y, until=0, **keys)
        assert "\n" not in str(refusal.value)
    with pytest.raises(ValueError, match="belongs to samples in arrays"):
        lt.run(X_test=X, y_test=y, until=0)


def test_sweeps_keep_errors_by_name():
    sweep = lt.sweep(
        axes={"label_noise": [0.0, 0.2], "seed": [1, 2]},
        base={"n": 12, "d": 60, "width": 4, "until": "1e30", "test_n": 200, "signal_std": 0.2, "per_decade": 0},
        quantities=["test_error", "population_error", "limit_test_error", "limit_population_error", "train_error_clean"],
    )
    run = lt.run(n=12, d=60, width=4, until="1e30", test_n=200, signal_std=0.2, per_decade=0, label_noise=0.2, seed=2)
    point = {name: float(np.asarray(sweep[name]).reshape(2, 2)[1, 1]) for name in
             ("test_error", "population_error", "limit_test_error", "limit_population_error", "train_error_clean")}
    assert point["test_error"] == run.test_error[-1] and point["population_error"] == run.population_error[-1]
    assert point["limit_test_error"] == run.limit.test_error
    assert point["limit_population_error"] == run.limit.population_error
    assert point["train_error_clean"] == run.train_error_clean[-1]
