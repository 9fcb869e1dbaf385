"""Networks of three classes and more, against plain NumPy: every real step, and the KKT conditions of the limit."""

import numpy as np
import pytest

import latetime as lt

PROBLEMS = [(3, 7, 20, 3, 0.1, 0), (3, 6, 30, 8, 0.0, 5), (4, 8, 12, 3, 0.5, 2)]


def problem(classes, n, d, width, slope, seed):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d))
    W0 = 0.3 * random.normal(size=(classes, width, d))
    return X, np.arange(n) % classes, W0, slope


def outputs(z, slope):
    return np.where(z >= 0, z, slope * z).mean(axis=1)  # (K, n)


def stable_rank(W):
    values = np.linalg.svd(W, compute_uv=False)
    return float((values**2).sum() / values[0] ** 2)


def descend(X, y, W0, slope, rate, last):
    """Every step of gradient descent on the softmax cross-entropy; (log loss, ranks) at quarter decades from 1000 on."""
    wanted = {int(round(10 ** (q / 4))) for q in range(12, 40)}
    K, m, d = W0.shape
    W, n, own = W0.copy(), len(y), np.eye(K)[y].T
    found = {}
    for step in range(last + 1):
        z = W @ X.T
        F = outputs(z, slope)
        up = F - F[y, np.arange(n)]
        if step in wanted:
            others = np.where(own > 0, -np.inf, up)
            loss = np.log(np.mean(np.log1p(np.exp(others).sum(axis=0))))
            found[step] = (loss, [stable_rank(w) for w in W] + [stable_rank(W.reshape(K * m, d))])
        softmax = np.exp(F - F.max(axis=0))
        softmax /= softmax.sum(axis=0)
        pull = (rate / (n * m)) * (own - softmax)
        W += (np.where(z >= 0, 1.0, slope) * pull[:, None, :]) @ X
    return found


@pytest.mark.parametrize("case", PROBLEMS)
def test_the_flow_agrees_with_every_real_step(case):
    X, y, W0, slope = problem(*case)
    last = 18000
    run = lt.run(X, y, W0=W0, slope=slope, learning_rate=0.2, until="2e4", engine="flow", tolerance=0.1)
    truth = descend(X, y, W0, slope, 0.2, last)
    rows = [at for at in range(len(run)) if run.step[at] in truth]
    assert len(rows) >= 5
    for at in rows:
        loss, ranks = truth[int(run.step[at])]
        found = [run[f"stable_rank_{k}"][at] for k in range(case[0])] + [run.stable_rank_all[at]]
        # Of exact steps the estimate is 0: roundings of two programs.
        bound = run.error_estimate[at] + 1e-8
        assert abs(run.log_loss[at] - loss) <= bound
        assert np.abs(np.array(found) - ranks).max() <= bound
    assert any(run.engine[at] == "flow" for at in rows)


@pytest.mark.parametrize("case", PROBLEMS)
def test_the_limit_is_a_kkt_point_of_the_maximum_margin(case):
    X, y, W0, slope = problem(*case)
    run = lt.run(X, y, W0=W0, slope=slope, learning_rate=0.2, until="1e100", engine="flow", tolerance=0.01)
    limit = run.limit
    assert limit.status == "found" and limit.settled
    K, m, n = limit.coefficients.shape
    V = limit.coefficients @ X
    z = V @ X.T
    F = outputs(z, slope)
    rivals = [[k for k in range(K) if k != y[i]] for i in range(n)]
    margins = np.array([[F[y[i], i] - F[k, i] for k in rivals[i]] for i in range(n)])
    size = np.abs(V).max()
    assert np.abs(margins - limit.margins).max() < 1e-9 * margins.max()
    assert margins.min() > 1 - 1e-9
    multipliers = limit.multipliers
    assert multipliers.min() >= 0 and (multipliers > 0).tolist() == limit.support.tolist()
    assert np.abs(multipliers * (margins - 1)).max() < 1e-8 * multipliers.sum()
    # v_k is the sum of multipliers times sub-gradients of the margins, each slope in its interval.
    felt = np.zeros((K, n))
    for i in range(n):
        felt[y[i], i] = multipliers[i].sum()
        felt[rivals[i], i] = -multipliers[i]
    slopes = limit.slopes
    assert slopes.min() >= slope - 1e-9 and slopes.max() <= 1 + 1e-9
    # Off zero a slope is that of the sign; at a sample whose rival has no multiplier nothing is asked.
    clear = (np.abs(z) > 1e-9 * np.abs(z).max()) & (felt[:, None, :] != 0)
    assert np.abs(slopes - np.where(z > 0, 1.0, slope))[clear].max() < 1e-9
    rate = 0.2 / (n * m)
    assert np.abs(V - (rate * slopes * felt[:, None, :]) @ X).max() < 1e-9 * size
    ranks = [stable_rank(v) for v in V] + [stable_rank(V.reshape(K * m, -1))]
    assert np.abs(np.array(limit.stable_rank) - ranks).max() < 1e-9
    assert limit.stable_rank.all == pytest.approx(ranks[-1], rel=1e-9)
    assert limit.kkt_residual < 1e-10
    # The run comes to its limit like 1/log t.
    assert abs(run.stable_rank_all[-1] - limit.stable_rank.all) < 0.1


def collapse(z, y, slope, K):
    h = np.where(z >= 0, z, slope * z).reshape(-1, len(y))
    means = np.stack([h[:, y == c].mean(axis=1) for c in range(K)])
    within = sum(((h[:, i] - means[y[i]]) ** 2).sum() for i in range(len(y)))
    between = sum(((means[c] - h.mean(axis=1)) ** 2).sum() for c in y)
    centred = means - means.mean(axis=0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    angles = (unit @ unit.T)[~np.eye(K, dtype=bool)]
    asked = np.repeat(np.eye(K), len(h) // K, axis=1) - 1 / K
    duality = (unit * asked / np.linalg.norm(asked, axis=1, keepdims=True)).sum(axis=1)
    return within / between, angles.min(), angles.max(), duality.min()


def test_collapse_is_that_of_the_features(tmp_path):
    X, y, W0, slope = problem(*PROBLEMS[0])
    run = lt.run(X, y, W0=W0, slope=slope, learning_rate=0.2, until="1e100", engine="flow", tolerance=0.01, out=tmp_path / "run")
    K = len(W0)
    names = ("within_class", "class_cosine_min", "class_cosine_max", "class_duality_min")
    for number, name in zip(collapse(run.preactivations, y, slope, K), names):
        assert run[name][-1] == pytest.approx(number, rel=1e-9)
    V = run.limit.coefficients @ X
    for number, name in zip(collapse(V @ X.T, y, slope, K), names):
        assert run.limit.collapse[name] == pytest.approx(number, rel=1e-9)
    # The folder gives the same run back.
    again = lt.load(tmp_path / "run")
    assert again.y.tolist() == y.tolist() and again.limit.stored
    assert again.limit.stable_rank == run.limit.stable_rank
    assert np.array_equal(again.limit.multipliers, run.limit.multipliers)


def test_a_run_in_two_pieces_is_the_same():
    X, y, W0, slope = problem(*PROBLEMS[0])
    keys = dict(W0=W0, slope=slope, learning_rate=0.2, engine="flow", tolerance=0.1)
    whole = lt.run(X, y, until="1e30", **keys)
    pieces = lt.run(X, y, until="1e4", **keys).resume("1e30")
    assert np.array_equal(whole.log_loss, pieces.log_loss)
    assert np.array_equal(whole.stable_rank_2, pieces.stable_rank_2)


def test_what_is_of_two_classes_says_so():
    X, y, _, _ = problem(*PROBLEMS[0])
    for refused in (
        lambda: lt.check(lt.run(X, y, width=2, until="10")),
        lambda: lt.least_norm(X, y, width=2),
        lambda: lt.run(X, y, label_noise=0.1),
    ):
        with pytest.raises(ValueError, match="two classes"):
            refused()
    with pytest.raises(ValueError, match="different labels"):
        lt.run(X, y + 1, until="10")
