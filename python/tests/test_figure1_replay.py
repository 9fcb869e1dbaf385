"""Figure 1, and SGD by smaller batches, against NumPy: the paper's steps (3.2) on exported data and weights.

What is replayed is read from files, as docs/formats.md (Figure 1, exports) and docs/training.md (the order of
mini-batches) say; nothing of the package computes here.
"""

import csv
import json

import numpy as np
import pytest

TOLERANCE = 1e-11  # relative; 50 to 400 steps, each rounded a few times


def read_rows(path):
    """The numbers of a table, a row each; the column `engine` of a run's is left out."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [{name: float(cell) if cell else np.nan for name, cell in row.items() if name != "engine"} for row in rows]


def exported(program, folder, *settings):
    """The arrays of `latetime run` with these settings, as `latetime export --npz` writes them."""
    code, _, error = program("run", "-q", "--out", folder, *(part for setting in settings for part in ("--set", setting)))
    assert code == 0, error
    code, _, error = program("export", folder, "--npz")
    assert code == 0, error
    with np.load(folder / "result.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}


def order_of(seed, n, epoch):
    """The samples of an epoch in their order: Philox and Fisher-Yates as docs/training.md has them."""
    bits = np.random.Philox(key=seed + (7 << 64), counter=((epoch << 128) - 1) % 2**256)
    order = list(range(n))
    for i in range(n, 1, -1):
        limit = i * ((2**64 - 1) // i)
        draw = next(u for u in iter(lambda: int(bits.random_raw()), None) if u < limit)
        order[i - 1], order[draw % i] = order[draw % i], order[i - 1]
    return order


def margins(W, X, y, slope):
    """y f(x), f = F_{+1} - F_{-1}, F_j the mean over the m neurons of class j of max(z, slope z): (3.1)."""
    z = W @ X.T
    F = np.where(z >= 0, z, slope * z).mean(axis=1)
    return y * (F[0] - F[1])


def step(W, X, y, slope, rate):
    """(3.2) on a batch; W is (2, m, d), class +1 first; sigma'(0) = 1."""
    g = 1 / (1 + np.exp(margins(W, X, y, slope)))  # -l' of log(1 + e^-u)
    new = W.copy()
    for j, sign in ((0, 1.0), (1, -1.0)):
        active = np.where(W[j] @ X.T >= 0, 1.0, slope)  # (m, batch)
        new[j] += rate / (len(X) * W.shape[1]) * (active * (sign * y * g)) @ X
    return new


def replay(arrays, seed, slope, rate, batch_size, epochs):
    """The weights after every step."""
    X, y, W = arrays["data.x"], arrays["data.y"], arrays["network.initial_weights"]
    size = min(batch_size, len(X))
    yield W
    for epoch in range(epochs):
        order = order_of(seed, len(X), epoch)
        for first in range(0, len(X), size):
            batch = order[first : first + size]
            W = step(W, X[batch], y[batch], slope, rate)
            yield W


def loss(W, X, y, slope):
    return np.mean(np.logaddexp(0, -margins(W, X, y, slope)))


def stable_rank(matrix):
    s = np.linalg.svd(matrix, compute_uv=False)
    return np.sum(s**2) / s[0] ** 2


def measured(W, X, y, slope):
    return {"stable_rank_pos": stable_rank(W[0]), "stable_rank_neg": stable_rank(W[1]),
            "stable_rank_all": stable_rank(W.reshape(-1, W.shape[2])), "loss": loss(W, X, y, slope)}


QUANTITIES = ("stable_rank_pos", "stable_rank_neg", "stable_rank_all", "loss")


def test_figure1_is_replayed(program, tmp_path):
    out = tmp_path / "fig1"
    code, _, error = program("reproduce", "fig1", "--quick", "-q", "--out", out)
    assert code == 0, error
    lines = (out / "fig1.toml").read_text(encoding="utf-8").splitlines()
    said = {key: json.loads(value) for key, _, value in (line.partition(" = ") for line in lines if not line.startswith("#"))}
    rows = read_rows(out / "fig1_runs.csv")
    assert len(rows) == len(said["slopes"]) * said["runs"] * (said["epochs"] + 1)
    data = [f"data.{key}={said[key]}" for key in ("n", "d", "signal_std", "noise_std")]
    network = [f"network.{key}={said[key]}" for key in ("width", "init_std")]
    found = {}
    for seed in range(said["first_seed"], said["first_seed"] + said["runs"]):
        arrays = exported(program, tmp_path / str(seed), f"seed={seed}", *data, *network, "descent.until=0")
        X, y = arrays["data.x"], arrays["data.y"]
        for slope in said["slopes"]:
            path = replay(arrays, seed, slope, said["learning_rate"], said["batch_size"], said["epochs"])
            for epoch, W in enumerate(path):  # an epoch is one batch: all samples
                if epoch % 10 == 0 or epoch < 3:
                    found[slope, seed, epoch] = measured(W, X, y, slope)
                else:
                    found[slope, seed, epoch] = {"loss": loss(W, X, y, slope)}
    assert len(found) == len(rows)
    for row in rows:
        mine = found[row["slope"], row["seed"], row["epoch"]]
        for quantity, value in mine.items():
            assert row[quantity] == pytest.approx(value, rel=TOLERANCE), (row, quantity)
    for row in read_rows(out / "fig1.csv"):  # mean and sample deviation over the seeds
        seeds = [values for (slope, _, epoch), values in found.items() if (slope, epoch) == (row["slope"], row["epoch"])]
        for quantity in seeds[0]:
            values = [mine[quantity] for mine in seeds]
            assert row[f"{quantity}_mean"] == pytest.approx(np.mean(values), rel=TOLERANCE)
            assert row[f"{quantity}_std"] == pytest.approx(np.std(values, ddof=1), rel=1e-6, abs=1e-9 * abs(np.mean(values)))
    assert max(row["stable_rank_pos"] for row in rows if row["slope"] == 1 and row["epoch"] == 50) < 1.1


def test_a_point_of_figure1_is_a_run_of_sgd(program, tmp_path):
    """The command that docs/formats.md names gives the same trajectory, with everything else that a run records."""
    code, _, error = program("reproduce", "fig1", "--quick", "-q", "--out", tmp_path / "fig1")
    assert code == 0, error
    points = {row["epoch"]: row for row in read_rows(tmp_path / "fig1" / "fig1_runs.csv") if (row["slope"], row["seed"]) == (0.5, 2)}
    exported(program, tmp_path / "run", "seed=2", "network.slope=0.5", "descent.method=sgd", "descent.epochs=50")
    compared = 0
    for row in read_rows(tmp_path / "run" / "metrics.csv"):
        point = points[row["step"]]
        assert np.exp(row["log_loss"]) == pytest.approx(point["loss"], rel=TOLERANCE)
        for quantity in QUANTITIES[:3]:
            assert row[quantity] == pytest.approx(point[quantity], rel=TOLERANCE)
        compared += 1
    assert compared > 5


@pytest.mark.parametrize("batch_size, slope", [(3, 0.0), (4, 0.2), (1, 0.7), (10, 0.0)])
def test_records_of_sgd_are_replayed(program, tmp_path, batch_size, slope):
    """Every recorded loss and stable rank of a run by mini-batches that do not divide the samples."""
    rate, seed, epochs = 0.4, 11, 40
    arrays = exported(program, tmp_path / "run", f"seed={seed}", "data.n=10", "data.d=60", "network.width=9", f"network.slope={slope}",
                      "network.init_std=0.05", "descent.method=sgd", f"descent.batch_size={batch_size}", f"descent.epochs={epochs}",
                      f"descent.learning_rate={rate}")
    X, y = arrays["data.x"], arrays["data.y"]
    rows = {row["step"]: row for row in read_rows(tmp_path / "run" / "metrics.csv")}
    assert max(rows) == epochs * -(-10 // batch_size) and len(rows) > 8
    moved = 0.0
    for t, W in enumerate(replay(arrays, seed, slope, rate, batch_size, epochs)):
        if t not in rows:
            continue
        mine, row = measured(W, X, y, slope), rows[t]
        assert np.exp(row["log_loss"]) == pytest.approx(mine["loss"], rel=TOLERANCE)
        for quantity in QUANTITIES[:3]:
            assert row[quantity] == pytest.approx(mine[quantity], rel=TOLERANCE)
            assert row[quantity.replace("rank", "rank_excess")] == pytest.approx(mine[quantity] - 1, rel=TOLERANCE, abs=TOLERANCE)
        assert row["norm_w"] == pytest.approx(np.linalg.norm(W), rel=TOLERANCE)
        moved = max(moved, np.linalg.norm(W - arrays["network.initial_weights"]) / np.linalg.norm(W))
    assert moved > 0.3


def test_another_order_is_another_run(program, tmp_path):
    """The replay tells orders apart: with the batches of another seed it misses by far more than the tolerance."""
    arrays = exported(program, tmp_path / "run", "seed=4", "data.n=10", "data.d=60", "network.width=9", "network.init_std=0.05",
                      "network.slope=0", "descent.method=sgd", "descent.batch_size=3", "descent.epochs=20")
    last = read_rows(tmp_path / "run" / "metrics.csv")[-1]
    *_, right = replay(arrays, 4, 0.0, 0.1, 3, 20)
    *_, wrong = replay(arrays, 5, 0.0, 0.1, 3, 20)
    off = [abs(np.log(loss(W, arrays["data.x"], arrays["data.y"], 0.0)) - last["log_loss"]) for W in (right, wrong)]
    assert off[0] < TOLERANCE and off[1] > 1e3 * TOLERANCE
