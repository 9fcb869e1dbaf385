"""The order of mini-batches is the one that docs/training.md specifies, and SGD can be replayed with it.

Generator, shuffle and steps are written here from that page alone.
"""

import pathlib
import re

import numpy as np
import pytest

import latetime as lt
from latetime._config import toml_value

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/training.md"
WORD = 2**64
BATCHES = 7  # second word of the key


def philox(key, counter):
    """A block of Philox4x64-10: four words of 64 bits."""
    a, b, c, d = counter
    k0, k1 = key
    for _ in range(10):
        low, high = 0xD2E7470EE14C6C93 * a, 0xCA5A826395121157 * c
        a, b, c, d = (high >> 64) ^ b ^ k0, high % WORD, (low >> 64) ^ d ^ k1, low % WORD
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) % WORD, (k1 + 0xBB67AE8584CAA73B) % WORD
    return a, b, c, d


def words(seed, epoch):
    k = 0
    while True:
        yield from philox((seed, BATCHES), (k, 0, epoch, 0))
        k += 1


def order_of(seed, n, epoch):
    source = words(seed, epoch)
    order = list(range(n))
    for i in range(n, 1, -1):
        limit = i * ((WORD - 1) // i)
        draw = next(u for u in source if u < limit)
        order[i - 1], order[draw % i] = order[draw % i], order[i - 1]
    return order


def batches(seed, n, size, steps):
    """The batches of the first steps."""
    size = min(size, n)
    epoch = 0
    while steps > 0:
        order = order_of(seed, n, epoch)
        for first in range(0, n, size):
            if steps > 0:
                yield order[first : first + size]
            steps -= 1
        epoch += 1


ORDERS = [(1, 2, 0), (1, 10, 0), (1, 10, 1), (7, 23, 5), (2**63 - 1, 100, 2**40), (0, 1, 3), (3, 1000, 12)]


@pytest.mark.parametrize("seed, n, epoch", ORDERS)
def test_the_order_is_the_specified_one(seed, n, epoch):
    (given,) = lt.batch_order(n, n, seed=seed, epochs=1, first_epoch=epoch)
    assert given.tolist() == order_of(seed, n, epoch)
    assert sorted(given) == list(range(n))


def test_the_pages_own_program_gives_it():
    section = PAGE.read_text(encoding="utf-8").partition("## The order of mini-batches")[2]
    (program,) = re.findall(r"```python\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    names = {}
    exec(program, names)
    for seed, n, epoch in ORDERS:
        assert names["epoch_order"](seed, n, epoch).tolist() == order_of(seed, n, epoch)


def test_batches_are_parts_of_the_epochs():
    given = lt.batch_order(23, 5, seed=4, epochs=3)
    assert [batch.tolist() for batch in given] == list(batches(4, 23, 5, 15))
    assert [len(batch) for batch in given] == 3 * [5, 5, 5, 5, 3]
    later = lt.batch_order(23, 5, seed=4, epochs=1, first_epoch=2)
    assert [batch.tolist() for batch in later] == [batch.tolist() for batch in given[10:]]
    assert [len(batch) for batch in lt.batch_order(10, 64, epochs=2)] == [10, 10]
    assert lt.batch_order(10, epochs=0) == []


def test_impossible_orders_are_refused():
    for keys, part in ((dict(n=0), "n: is 0"), (dict(n=3, batch_size=0), "batch_size: is 0"), (dict(n=3, seed=-1), "seed: is -1"),
                       (dict(n=2**32), "n: is"), (dict(n=3, epochs=-1), "epochs: is -1")):
        with pytest.raises(ValueError, match=part):
            lt.batch_order(**keys)
    with pytest.raises(TypeError, match="n: is 2.5; give a whole number"):
        lt.batch_order(2.5)


# ---- steps, by hand


def activation(z, slope):
    return np.where(z >= 0, z, slope * z)


def derivative(z, slope):
    return np.where(z >= 0, 1.0, slope)


def paper_step(W, X, y, slope, rate):
    """A step of the paper's network on a batch: W (2, m, d), [0] of class +1."""
    m = W.shape[1]
    z = W @ X.T  # (2, m, batch)
    f = activation(z, slope).sum(axis=1) / m
    g = 1 / (1 + np.exp(y * (f[0] - f[1])))
    sign = np.array([1.0, -1.0])[:, None, None]
    return W + rate / (len(X) * m) * ((sign * (y * g) * derivative(z, slope)) @ X)


def trained_step(network, X, classes, slope, rate):
    """A step of m neurons and a trained linear layer on the softmax cross-entropy: W (m, d), a (K, m), b (K,)."""
    W, a, b = network
    z = X @ W.T
    hidden = activation(z, slope)
    outputs = hidden @ a.T + b
    share = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    pull = np.eye(len(b))[classes] - share / share.sum(axis=1, keepdims=True)
    rate = rate / len(X)
    return W + rate * ((pull @ a) * derivative(z, slope)).T @ X, a + rate * pull.T @ hidden, b + rate * pull.sum(axis=0)


def assert_close(replayed, given):
    """Equal up to rounding: some 400 steps, each of a relative 1e-16 times a few."""
    assert np.linalg.norm(replayed - given) <= 1e-12 * np.linalg.norm(given)


@pytest.mark.parametrize("batch_size", [5, 1, 23, 64])
def test_a_run_by_mini_batches_is_replayed(batch_size):
    keys = dict(n=23, d=17, width=6, slope=0.2, learning_rate=0.3, init_std=0.1, seed=9)
    run = lt.run(method="sgd", batch_size=batch_size, until="400", at=["333"], **keys)
    W, X, y = run.initial_weights, run.X, run.y
    for batch in batches(9, 23, batch_size, 400):
        W = paper_step(W, X[batch], y[batch], 0.2, 0.3)
    assert_close(W, run.weights)
    assert np.linalg.norm(run.weights - run.initial_weights) > 0.1 * np.linalg.norm(run.weights)


def test_batches_of_all_samples_are_the_papers_full_batch():
    """Figure 1: batch size 64 on ten samples."""
    keys = dict(n=10, d=50, width=8, slope=0.1, seed=3)
    by_batches = lt.run(method="sgd", batch_size=64, epochs=300, **keys)
    whole = lt.run(until="300", engine="dense", **keys)
    assert by_batches.t[-1] == whole.t[-1]
    assert_close(by_batches.weights, whole.weights)


def train(program, folder, **keys):
    """The TrainingResult of `latetime train` in float64."""
    keys = {"precision": "float64", "method": "sgd", **keys}
    section = {field["key"]: field["section"] for field in lt.fields()}
    settings = [part for key, value in keys.items() for part in ("--set", f"{section[key]}.{key}={toml_value(value)}".lstrip("."))]
    code, _, error = program("train", "-q", "--out", folder, *settings)
    assert code == 0, error
    return lt.load(folder)


@pytest.mark.parametrize("batch_size", [6, 64])
def test_a_training_of_the_papers_network_is_replayed(program, tmp_path, batch_size):
    keys = dict(source="gaussian-mixture", n=20, d=15, width=7, slope=0.1, init_std=0.1, seed=5, batch_size=batch_size)
    begin, end = (train(program, tmp_path / until, until=until, **keys) for until in ("0", "400"))
    data = lt.load_data(source="gaussian-mixture", n=20, d=15, seed=5)
    W = begin.weights
    for batch in batches(5, 20, batch_size, 400):
        W = paper_step(W, data.X[batch], data.y[batch], 0.1, 0.1)
    assert_close(W, end.weights)
    assert np.linalg.norm(end.weights - begin.weights) > 0.1 * np.linalg.norm(end.weights)


def test_a_training_with_a_trained_output_layer_is_replayed(program, tmp_path):
    keys = dict(source="gaussian-mixture", n=20, d=15, width=7, slope=0.1, init_std=0.1, seed=5, batch_size=6, head="trained")
    begin, end = (train(program, tmp_path / until, until=until, **keys) for until in ("0", "300"))
    data = lt.load_data(source="gaussian-mixture", n=20, d=15, seed=5)
    network = begin.weights[0], begin.output_weights, begin.output_bias
    for batch in batches(5, 20, 6, 300):
        network = trained_step(network, data.X[batch], (data.y[batch] < 0).astype(int), 0.1, 0.1)
    for replayed, given in zip(network, (end.weights[0], end.output_weights, end.output_bias)):
        assert_close(replayed, given)
