"""The smoothed leaky ReLU, held to a program in NumPy that takes the steps from its definition."""

import numpy as np
import pytest

import latetime as lt

KEYS = dict(n=8, d=30, width=5, signal_std=0.1, seed=4, until="1e4", per_decade=1)


def sigma(z, slope, h):
    lower = (1 - slope) * h / 4
    parabola = (1 - slope) * z**2 / (4 * h) + (1 + slope) * z / 2
    return np.where(z >= h, z - lower, np.where(z <= -h, slope * z - lower, parabola))


def derivative(z, slope, h):
    return np.interp(z, [-h, h], [slope, 1.0])


def descend(X, y, weights, slope, h, steps, rate=0.1):
    """Weights (2, m, d) after each of the steps asked for."""
    weights, signs = weights.copy(), np.array([1.0, -1.0])
    n, width = len(y), weights.shape[1]
    at = {}
    for step in range(max(steps) + 1):
        if step in steps:
            at[step] = weights.copy()
        z = np.einsum("jmd,nd->jmn", weights, X)
        margins = y * np.tensordot(signs, sigma(z, slope, h).mean(axis=1), 1)
        pull = signs[:, None, None] * (y / (1 + np.exp(margins))) * derivative(z, slope, h)
        weights += rate / (n * width) * np.einsum("jmn,nd->jmd", pull, X)
    return at


@pytest.mark.parametrize("slope, h", [(0.1, 0.5), (0.0, 3.0), (0.4, 1e-2)])
def test_steps_are_those_of_the_definition(slope, h):
    run = lt.run(slope=slope, smoothing=h, **KEYS)
    at = descend(run.X, run.y, run.initial_weights, slope, h, {100, 10_000})
    W = at[10_000]
    assert np.abs(run.weights - W).max() <= 1e-11 * np.abs(W).max()
    for step, weights in at.items():
        z = np.einsum("jmd,nd->jmn", weights, run.X)
        f = np.tensordot([1.0, -1.0], sigma(z, slope, h).mean(axis=1), 1)
        log_loss = np.log(np.mean(np.log1p(np.exp(-run.y * f))))
        row = list(run.step).index(step)
        assert run.log_loss[row] == pytest.approx(log_loss, abs=1e-11)
        assert run.min_margin[row] == pytest.approx((run.y * f).min(), rel=1e-9, abs=1e-12)


def test_without_smoothing_it_is_the_leaky_relu():
    kinked = lt.run(slope=0.1, engine="dense", **KEYS)
    nearly = lt.run(slope=0.1, smoothing=1e-12, **KEYS)
    assert nearly.log_loss == pytest.approx(kinked.log_loss, abs=1e-8)


def test_population_error_is_that_of_the_smoothed_network():
    run = lt.run(slope=0.1, smoothing=2.0, population_draws=40_000, test_n=10, **KEYS)
    low, high = run.population_error_low[-1], run.population_error_high[-1]
    weights, generator = run.weights, np.random.default_rng(3)
    mean = mean_of(run)
    y = generator.choice([-1.0, 1.0], 100_000)
    X = y[:, None] * mean + generator.standard_normal((len(y), len(mean)))
    z = np.einsum("jmd,nd->jmn", weights, X)
    f = np.tensordot([1.0, -1.0], sigma(z, 0.1, 2.0).mean(axis=1), 1)
    share = np.mean(y * f <= 0)
    deviation = np.sqrt(share * (1 - share) / len(y))
    assert low - 4 * deviation <= share <= high + 4 * deviation


def mean_of(run):
    """μ of the mixture, from very many test samples of the same."""
    many = lt.run(n=2, d=KEYS["d"], width=1, signal_std=0.1, noise_std=0.0, seed=KEYS["seed"], until=1)
    return many.X[0] * many.y[0]


@pytest.mark.parametrize("head", ["groups", "trained"])
def test_training_goes_down_the_smoothed_loss(head):
    generator = np.random.default_rng(1)
    X, y = generator.standard_normal((40, 12)), np.arange(40) % 3
    common = dict(width=16, method="sgd", epochs=20, batch_size=8, learning_rate=0.05, init_std=0.3, slope=0.1, precision="float64", head=head)
    kinked = lt.train(X, y, **common)
    nearly = lt.train(X, y, smoothing=1e-9, **common)
    smooth = lt.train(X, y, smoothing=1.0, **common)
    assert nearly.running_loss[1:] == pytest.approx(kinked.running_loss[1:], rel=1e-6)
    assert smooth.running_loss[1:] != pytest.approx(kinked.running_loss[1:], rel=1e-3)
    assert smooth.running_loss[-1] < 0.98 * smooth.running_loss[1]


def test_what_looks_further_ahead_refuses_in_one_line():
    run = lt.run(smoothing=0.5, **KEYS)
    with pytest.raises(ValueError, match="network.smoothing = 0"):
        lt.check(run)
    assert not lt.prove(run).proved
    with pytest.raises(ValueError, match="gradient flow does not follow"):
        lt.run(smoothing=0.5, method="flow", **KEYS)
