"""What is copied between NumPy and C++, and what is not."""

import gc
import weakref

import numpy as np
import pytest

import latetime as lt


def address(array):
    return array.__array_interface__["data"][0]


def samples(n=6, d=20, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), np.array([1, -1] * (n // 2))


def test_plain_samples_are_used_where_they_lie():
    X, y = samples()
    data = lt.Dataset(X, y)
    assert address(data.X) == address(X) and np.shares_memory(data.X, X)


def test_rows_of_a_larger_array_are_used_where_they_lie():
    X, y = samples(12)
    assert np.shares_memory(lt.Dataset(X[4:10], y[:6]).X, X)


@pytest.mark.parametrize(
    "other",
    [
        lambda X: X.astype(np.float32),
        lambda X: np.asfortranarray(X),
        lambda X: X[:, ::2],
        lambda X: X[::2],
        lambda X: X.astype(">f8"),
        lambda X: (10 * X).astype(np.int16),
        lambda X: X.tolist(),
    ],
    ids=["float32", "fortran", "columns", "strided", "big-endian", "int16", "list"],
)
def test_other_layouts_are_converted(other):
    X, y = samples()
    given = other(X)
    data = lt.Dataset(given, y[: len(given)])
    assert np.array_equal(data.X, np.asarray(given, dtype=float))
    assert not np.shares_memory(data.X, X)


def test_misaligned_samples_are_copied_so_that_sums_are_rounded_alike():
    X, y = samples(6, 21)
    raw = np.zeros(X.nbytes + 8, dtype=np.uint8)
    shifted = raw[8:].view(np.float64).reshape(X.shape) if address(raw) % 16 == 0 else raw[:-8].view(float).reshape(X.shape)
    shifted[:] = X
    assert address(shifted) % 16 != 0
    data = lt.Dataset(shifted, y)
    assert not np.shares_memory(data.X, shifted)
    assert lt.run(data, until="100")["/final/weights"].tobytes() == lt.run(X, y, until="100")["/final/weights"].tobytes()


def test_samples_stay_alive_as_long_as_they_are_used_and_no_longer():
    X, y = samples()
    expected = X.copy()
    holder = weakref.ref(X)
    data = lt.Dataset(X, y)
    del X
    gc.collect()
    assert holder() is not None
    view = data.X
    del data
    gc.collect()
    assert np.array_equal(view, expected)
    del view
    gc.collect()
    assert holder() is None


def test_results_are_views_without_copies_that_keep_the_run_alive():
    run = lt.run(n=4, d=10, width=3, until="1e40", slope=0.0)
    for name in ("t", "weights", "rho", "coefficients", "X", "initial_weights"):
        one, other = getattr(run, name), getattr(run, name)
        assert address(one) == address(other) and not one.flags.owndata, name
        with pytest.raises(ValueError):
            one[...] = 0
    assert address(run.limit.coefficients) == address(run.limit.coefficients)
    ranks, slopes = run.stable_rank_pos, run.limit.slopes
    ranks_before, slopes_before = ranks.copy(), slopes.copy()
    del run
    gc.collect()
    lt.run(n=4, d=10, width=3, until="1e40", slope=0.0)
    assert np.array_equal(ranks, ranks_before) and np.array_equal(slopes, slopes_before)


def test_states_outlive_their_moment():
    kept = []
    run = lt.run(n=4, d=10, width=3, until="100", observer=kept.append)
    assert [state.step for state in kept] == run.step.astype(int).tolist()
    for i, state in enumerate(kept):
        assert np.array_equal(state.coefficients, run.coefficients[i])
    assert address(kept[0].weights) == address(kept[0].weights)


def test_shapes():
    run = lt.run(n=4, d=10, width=3, until="1e40", slope=0.0)
    n, d, m, R = 4, 10, 3, len(run)
    assert run.X.shape == (n, d) and run.y.shape == (n,)
    assert run.weights.shape == run.initial_weights.shape == (2, m, d)
    assert run.rho.shape == run.preactivations.shape == run.verdicts.shape == (2, m, n)
    assert run.coefficients.shape == run.rho_history.shape == (R, 2, m, n)
    assert run.t.shape == run.log_loss.shape == (R,) and len(run.engine) == R
    assert run.spectra.pos.shape == (R, m) and run.spectra.all.shape == (R, 2 * m)
    limit = run.limit
    assert limit.multipliers.shape == limit.margins.shape == limit.support.shape == (n,)
    assert limit.coefficients.shape == limit.slopes.shape == (2, m, n)


def test_coefficients_rebuild_the_weights():
    run = lt.run(n=4, d=10, width=3, until="1000")
    rebuilt = run.initial_weights + run.coefficients[-1] @ run.X
    assert np.allclose(rebuilt, run.weights, rtol=0, atol=1e-13)
    assert np.allclose(run.rho_history[-1], run.rho, rtol=1e-15, atol=0)
    assert np.allclose(run.weights @ run.X.T, run.preactivations, rtol=0, atol=1e-12)


def test_numpy_gets_its_threads_back():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    before = [lib["num_threads"] for lib in threadpoolctl.threadpool_info()]
    lt.run(until="100")
    assert [lib["num_threads"] for lib in threadpoolctl.threadpool_info()] == before
