"""The exponential loss, held to programs in NumPy that take its steps by brute force."""

import csv
import json
import math
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

import latetime as lt

DEFAULT = dict(n=6, d=30, width=4, seed=5, per_decade=1, signal_std=0.05, init_std=0.01, loss="exponential")


def brute_steps(run, slope, rate, targets, batches=None):
    """Full-batch descent on mean e^{-u} from the run's own beginning: {step: (weights, margins)} at the targets.

    Pre-activations move by the Gram matrix, weights are summed up from the coefficients: neither is how an engine of
    the library books them."""
    X, y, start = run.X, run.y, run["/network/initial_weights"]
    m = start.shape[1]
    signs = np.array([1.0, -1.0])
    gram = X @ X.T
    coefficients = np.zeros((2, m, len(y)))
    begin = start @ X.T
    seen = {}
    for step in range(max(targets) + 1):
        if step % 64 == 0:
            z = begin + coefficients @ gram
        active = np.where(z >= 0, 1.0, slope)
        margins = y * np.einsum("j,jmn->n", signs, active * z) / m
        if step in targets:
            seen[step] = (start + coefficients @ X, margins)
        pull = rate / (len(y) * m) * np.exp(-margins) * y
        moved = signs[:, None, None] * active * pull
        coefficients += moved
        z = z + moved @ gram
    return seen


def stable_rank(weights):
    values = np.linalg.svd(weights, compute_uv=False)
    return float(np.sum((values / values[0]) ** 2))


def compare(run, steps, tolerance):
    rows = [int(np.flatnonzero(np.asarray(run.step) == step)[0]) for step in steps]
    for row, (weights, margins) in zip(rows, steps.values()):
        bound = tolerance + run.error_estimate[row]
        assert abs(run.log_loss[row] - math.log(np.mean(np.exp(-margins)))) <= bound
        assert abs(run.stable_rank_pos[row] - stable_rank(weights[0])) <= bound
        assert abs(run.stable_rank_neg[row] - stable_rank(weights[1])) <= bound
        assert abs(run.min_margin[row] - margins.min()) <= bound * (1 + abs(margins.min()))


@pytest.mark.parametrize("slope", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("engine", ["dense", "coefficient", "frozen", "auto"])
def test_exact_engines_take_the_steps(engine, slope):
    run = lt.run(**DEFAULT, slope=slope, learning_rate=0.3, engine=engine, until=10_000)
    compare(run, brute_steps(run, slope, 0.3, [1, 10, 100, 1000, 10_000]), 1e-9)


@pytest.mark.parametrize("slope", [0.0, 0.1])
def test_the_late_time_flow_follows_the_steps(slope):
    run = lt.run(**{**DEFAULT, "seed": 1}, slope=slope, learning_rate=0.3, engine="flow", until="1e100")
    assert run.engine[-1] == "flow" and run.engine[list(run.step).index(100_000)] == "flow"
    compare(run, brute_steps(run, slope, 0.3, [1000, 10_000, 100_000]), 1e-8)


def test_steps_in_blocks_are_the_steps():
    run = lt.run(n=40, d=100, width=50, slope=0.1, signal_std=0.1, seed=2, loss="exponential", per_decade=1, until=4000)
    compare(run, brute_steps(run, 0.1, 0.1, [1000, 4000]), 1e-9)


def test_mini_batches_of_all_samples_are_the_full_batch():
    run = lt.run(**DEFAULT, slope=0.1, method="sgd", batch_size=6, until=1000, learning_rate=0.3)
    compare(run, brute_steps(run, 0.1, 0.3, [10, 1000]), 1e-9)


@pytest.mark.parametrize("slope", [0.0, 0.1])
def test_gradient_flow_is_that_of_small_steps(slope):
    run = lt.run(**DEFAULT, slope=slope, learning_rate=0.3, method="flow", until=100)
    parts = 2000
    small = brute_steps(run, slope, 0.3 / parts, [parts * 10, parts * 100])
    for time, (_, margins) in zip((10, 100), small.values()):
        row = list(run.step).index(time)
        # Euler's method of first order, with steps a two-thousandth of one.
        assert abs(run.log_loss[row] - math.log(np.mean(np.exp(-margins)))) <= 2e-4


@pytest.mark.parametrize("slope", [0.0, 0.1])
@pytest.mark.parametrize("seed", range(1, 5))
def test_the_limit_solves_the_problem_that_both_losses_have(slope, seed):
    for loss in ("exponential", "logistic"):
        run = lt.run(**{**DEFAULT, "width": 12, "seed": seed, "loss": loss}, slope=slope, learning_rate=0.3, until="1e100")
        assert run.limit.status == "found"
        V = run.limit.coefficients @ run.X
        z = V @ run.X.T
        margins = run.y * np.einsum("j,jmn->n", [1.0, -1.0], np.where(z >= 0, z, slope * z)) / V.shape[1]
        assert margins.min() >= 1 - 1e-9
        multipliers = np.asarray(run.limit.multipliers)
        assert multipliers.min() >= 0 and np.all(multipliers * np.abs(margins - 1) <= 1e-8 * multipliers.max())
        # W(t) = V log t + o(log t)
        direction = run.weights / np.linalg.norm(run.weights)
        assert np.linalg.norm(direction - V / np.linalg.norm(V)) < 0.05


def test_the_kkt_residual_is_that_of_the_losss_own_multipliers():
    run = lt.run(**DEFAULT, slope=0.1, learning_rate=0.3, until=3000)
    weights, margins = brute_steps(run, 0.1, 0.3, [3000])[3000]
    z = weights @ run.X.T
    pull = np.exp(-margins) * run.y
    gradient = np.einsum("j,jmn,nd->jmd", [1.0, -1.0], np.where(z >= 0, 1.0, 0.1) * pull, run.X)
    cosine = np.sum(weights * gradient) / np.linalg.norm(weights) / np.linalg.norm(gradient)
    slack = np.sum(np.exp(-margins) * (margins - margins.min())) / np.sum(np.exp(-margins) * margins)
    assert run.kkt_residual[-1] == pytest.approx(max(math.sqrt(1 - cosine**2), slack), rel=1e-6)


def test_a_blow_up_ends_in_words():
    for seed in range(1, 12):
        keys = dict(n=12, d=6, width=3, slope=0.1, learning_rate=30.0, until=10_000, seed=seed)
        run = lt.run(**keys, loss="exponential")
        if run.outcome.reason == "not-finite":
            assert "exponential loss blew up" in run.outcome.message and "descent.learning_rate" in run.outcome.message
            calm = lt.run(**{**keys, "learning_rate": 0.3}, loss="exponential")  # the mend
            assert calm.outcome.reason == "reached-end"
            return
    pytest.fail("no run blew up")


def test_claims_are_of_the_logistic_loss():
    run = lt.run(**DEFAULT, slope=0.1, until=2000)
    report = lt.check(run)
    assert all(claim.verdict == "HypothesisUnmet" for claim in report)
    assert all(claim.hypotheses[0]["name"] == "logistic loss" and not claim.hypotheses[0]["met"] for claim in report)
    logistic = lt.check(lt.run(**{**DEFAULT, "loss": "logistic"}, slope=0.1, until=2000))
    assert all(h["name"] != "logistic loss" for claim in logistic for h in claim.hypotheses)


def test_a_folder_refuses_another_loss(tmp_path, program):
    keys = ["--set", "data.n=6", "--set", "data.d=20", "--set", "network.width=3"]
    loss = ["--set", "descent.loss=exponential"]
    assert program("run", "-q", "--out", tmp_path / "r", *keys, *loss, "--set", "descent.until=100")[0] == 0
    code, _, error = program("run", "-q", "--resume", "--out", tmp_path / "r", *keys, "--set", "descent.until=200")
    assert code != 0 and "descent.loss" in error
    assert program("run", "-q", "--resume", "--out", tmp_path / "r", *keys, *loss, "--set", "descent.until=200")[0] == 0
    whole = tmp_path / "whole"
    assert program("run", "-q", "--out", whole, *keys, *loss, "--set", "descent.until=200")[0] == 0
    with open(tmp_path / "r/metrics.csv", encoding="utf-8") as one, open(whole / "metrics.csv", encoding="utf-8") as other:
        assert list(csv.reader(one))[-1] == list(csv.reader(other))[-1]
    code, _, error = program("run", "--set", "descent.loss=hinge", "--out", tmp_path / "s")
    assert code != 0 and "logistic" in error and "exponential" in error


@pytest.mark.parametrize("slope", [0.0, 0.1])
def test_theorems_are_about_the_loss_of_the_run(slope, tmp_path, program):
    lt.run(**{**DEFAULT, "width": 12, "seed": 1}, slope=slope, learning_rate=0.3, until="1e60", out=tmp_path / "r")
    checker = pathlib.Path(__file__).resolve().parents[2] / "tools/check_certificate.py"
    for level in "ABC":
        code, said, error = program("prove", tmp_path / "r", "--level", level)
        assert code == 0, error
        assert "exponential loss" in said or level == "A"
        assert json.loads((tmp_path / "r/proof.json").read_text())["level"] == level
        assert "\nloss exponential\n" in (tmp_path / "r/certificate.txt").read_text()
        done = subprocess.run([sys.executable, checker, tmp_path / "r/certificate.txt"], capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.rstrip().endswith("PROVED")
        assert "exponential loss" in done.stdout
    # The paper's claims are about the logistic loss: none of them is called proved.
    claims = json.loads(program("check", tmp_path / "r", "--json")[1])["claims"]
    assert claims and not any(claim.get("proved") for claim in claims)


def test_a_proof_of_the_other_loss_is_not_taken_for_ones_own(tmp_path, program):
    """A folder's proof.json says of which problem it is, its loss included."""
    keys = {**DEFAULT, "n": 4, "width": 4, "seed": 2, "init_std": 1e-3}
    for loss in ("exponential", "logistic"):
        lt.run(**{**keys, "loss": loss}, slope=0.5, until="1e60", out=tmp_path / loss)
    assert program("prove", tmp_path / "logistic")[0] == 0
    claims = json.loads(program("check", tmp_path / "logistic", "--json")[1])["claims"]
    assert any(claim.get("proved") for claim in claims)
    shutil.copy(tmp_path / "logistic/proof.json", tmp_path / "exponential/proof.json")
    code, _, error = program("check", tmp_path / "exponential", "--json")
    assert code == 2 and "proof.json" in error and error.count("\n") == 1


def test_sweeps_have_it_as_an_axis():
    sweep = lt.sweep(axes={"loss": ["logistic", "exponential"], "n": [4, 6]}, base={"d": 20, "width": 3, "until": 300})
    for number, (loss, n) in enumerate([(loss, n) for loss in ("logistic", "exponential") for n in (4, 6)]):
        run = lt.run(loss=loss, n=n, d=20, width=3, until=300)
        assert np.asarray(sweep["log_loss"]).ravel()[number] == run.log_loss[-1]


@pytest.mark.parametrize("classes", [2, 4])
def test_trainings_are_those_of_the_sum_of_exponentials(classes):
    """Full batch, K groups: the mean of sum_k e^{F_k - F_c} over the other groups, by its gradient in NumPy."""
    generator = np.random.default_rng(3)
    X, m, slope, rate, steps = generator.standard_normal((9, 7)), 3, 0.2, 0.05, 200
    y = np.arange(9) % classes
    keys = dict(width=m, slope=slope, learning_rate=rate, method="gd", until=steps, precision="float64", per_decade=1)
    labels = np.where(y == 0, 1, -1) if classes == 2 else y  # +1 is the first group
    start = lt.train(X, labels, **{**keys, "until": 0}, loss="exponential").weights
    training = lt.train(X, labels, **keys, loss="exponential")
    weights = np.array(start)
    for step in range(steps + 1):
        z = weights @ X.T
        outputs = np.where(z >= 0, z, slope * z).mean(axis=1).T
        ratios = np.exp(outputs - outputs[np.arange(9), y][:, None])
        ratios[np.arange(9), y] = 0.0
        if step == steps:
            break
        pulls = -ratios
        pulls[np.arange(9), y] = ratios.sum(axis=1)
        moved = np.where(z >= 0, 1.0, slope) * pulls.T[:, None, :]
        weights = weights + rate / (9 * m) * moved @ X
    assert np.allclose(training.weights, weights, rtol=0, atol=1e-11 * np.abs(weights).max())
    assert training.log_loss[-1] == pytest.approx(math.log(ratios.sum(axis=1).mean()), abs=1e-11)
    other = lt.train(X, labels, **keys)
    assert np.abs(other.weights - weights).max() > 1e-3


def test_a_zero_sample_keeps_the_loss_above_its_share():
    X, y = np.eye(4), np.array([1, -1, 1, -1])
    X[2] = 0.0
    with pytest.warns(UserWarning, match="the loss stays above 1 / n"):
        run = lt.run(X, y, width=2, until=100_000, loss="exponential")
    assert run.log_loss[-1] > math.log(1 / 4)
