"""The Run object, observers, measures, limits."""

import json

import numpy as np
import pytest

import latetime as lt


@pytest.fixture(scope="module")
def late():
    return lt.run(n=6, d=40, width=10, slope=0.0, until="1e100")


def test_columns_are_those_of_metrics_csv(late, tmp_path):
    pandas = pytest.importorskip("pandas")
    late.save(tmp_path / "a")
    stored = pandas.read_csv(tmp_path / "a/metrics.csv", float_precision="round_trip")
    frame = late.to_dataframe()
    assert list(frame.columns) == list(stored.columns) == late.columns
    for name in late.columns:
        if name == "engine":
            assert list(frame[name]) == list(stored[name]) == late.engine
        else:
            assert np.array_equal(getattr(late, name), stored[name].to_numpy(float), equal_nan=True), name
            assert np.array_equal(late[name], frame[name], equal_nan=True)
    assert np.array_equal(late.t, late.log10_t, equal_nan=True)


def test_limit_verdicts_and_spectra_fit_together(late):
    limit = late.limit
    assert limit.status == "found" and limit.stored and limit.settled
    counted = sum(limit.pairs[kind][name] for kind in ("own", "other") for name in ("switches",))
    assert counted == np.count_nonzero(late.verdicts == lt.Verdict.SWITCHES)
    direction = limit.coefficients @ late.X
    singular = np.linalg.svd(direction[0], compute_uv=False)
    assert limit.stable_rank.pos == pytest.approx(np.sum(singular**2) / singular[0] ** 2, rel=1e-12)
    squares = late.spectra.neg**2
    assert np.allclose(squares.sum(axis=1) / squares[:, 0], late.stable_rank_neg, rtol=1e-12)
    # The run comes near its limit like 1 / log t.
    assert abs(late.stable_rank_all[-1] - limit.stable_rank.all) < 0.05


def test_events_are_ordered_and_of_the_flow():
    late = lt.run(n=10, width=20, slope=0.0, until="1e100")
    events = late.events
    assert len(events) > 0 and np.all(np.diff(events["log10_t"]) >= 0)
    assert events["log10_t"][0] >= late.t[late.engine.index("flow") - 1]
    assert set(events["cause"]) <= {"own_crosses", "other_meets", "leaves_upward", "leaves_downward"}
    own = np.where(events["class"] == 0, 1.0, -1.0) == late.y[events["sample"].astype(int)]
    assert np.array_equal(own, events["cause"] == "own_crosses")
    assert lt.run(n=4, until="100").events.shape == (0,)


def test_measures_become_columns(tmp_path):
    def largest_weight(state):
        return np.abs(state.weights).max()

    def margins(state):
        return state.margins

    run = lt.run(n=4, d=10, width=3, until="1e30", measures=[largest_weight, margins])
    assert run.largest_weight.shape == (len(run),) and run.margins.shape == (len(run), 4)
    assert run.largest_weight[-1] == pytest.approx(np.abs(run.weights).max(), rel=1e-12)
    assert np.allclose(run.margins.min(axis=1), run.min_margin, rtol=1e-12, atol=1e-15)
    if pytest.importorskip("pandas"):
        assert "largest_weight" in run.to_dataframe() and "margins" not in run.to_dataframe()
    run.save(tmp_path / "a")
    assert np.array_equal(lt.load(tmp_path / "a").margins, run.margins)
    named = lt.run(n=4, until="10", measures={"twice": lambda s: 2 * s.metrics["log_loss"]})
    assert np.array_equal(named.twice, 2 * named.log_loss)


def test_measures_go_on_when_a_run_does():
    def norm(state):
        return np.linalg.norm(state.weights)

    begun = lt.run(n=4, d=10, width=3, until="100", measures=norm)
    whole = lt.run(n=4, d=10, width=3, until="1000", measures=norm)
    resumed = begun.resume("1000", measures=norm)
    assert np.array_equal(resumed.norm, whole.norm)
    assert np.allclose(whole.norm, whole.norm_w, rtol=1e-12)
    with pytest.raises(ValueError, match="same names"):
        begun.resume("1000")


def test_bad_measures_are_refused():
    with pytest.raises(ValueError, match="log_loss is the name of a column already"):
        lt.run(measures={"log_loss": lambda s: 0.0})
    with pytest.raises(ValueError, match="several shapes"):
        lt.run(n=4, until="10", measures={"odd": lambda s: np.zeros(s.step % 2)})


def test_what_an_observer_raises_passes_through():
    class Enough(Exception):
        pass

    def observer(state):
        if state.step == 100:
            raise Enough("at 100")

    with pytest.raises(Enough, match="at 100"):
        lt.run(n=4, until="1e6", observer=observer)
    assert lt.run(n=4, until="100").outcome.reason == "reached-end"  # nothing is left behind


def test_states_tell_what_the_record_says():
    seen = []
    run = lt.run(n=4, d=10, width=3, slope=0.0, until="1e50", observer=lambda s: seen.append((s.log10_t, s.engine, s.metrics)))
    assert seen[0][0] == -np.inf
    assert np.array_equal([entry[0] for entry in seen[1:]], run.t[1:])
    assert [entry[1] for entry in seen] == run.engine
    for name in ("log_loss", "stable_rank_all", "kkt_residual"):
        assert np.array_equal([entry[2][name] for entry in seen], run[name], equal_nan=True)


def test_a_run_that_cannot_separate_says_so():
    X = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    run = lt.run(X, [1, -1, 1], width=2, slope=1.0, until="1e20", learning_rate=0.5)
    assert run.outcome.reason in ("not-separated", "not-late")
    assert run.outcome.message and run.outcome.message in repr(run)


def test_a_limit_without_a_direction_says_why():
    run = lt.run(n=4, until="10")
    assert run.limit is None
    found = lt.limit(run)
    assert found.status == "none" and "too early" in found.message
    with pytest.raises(ValueError, match="no stable_rank.*too early"):
        found.stable_rank


def test_limit_of_exact_steps_is_computed():
    run = lt.run(n=6, d=40, width=10, until="1e5")
    assert run.limit is None and lt.limit(run).status == "found" and not lt.limit(run).stored
    assert run.verdicts.shape == (2, 10, 6)


def test_load_refuses_what_is_no_run(tmp_path):
    with pytest.raises(ValueError, match="is not a folder"):
        lt.load(tmp_path / "nothing")
    with pytest.raises(ValueError, match="holds no run"):
        lt.load(tmp_path)


def test_what_is_not_counted_is_not_never():
    size = dict(n=7, d=40, width=4, slope=0.0, until=50)
    assert lt.run(**size).last_switch_record.shape == (2, 4, 7)
    batches = lt.run(**size, method="sgd", batch_size=3)
    assert batches.last_switch_record is None
    assert "/final/last_switch_record" not in batches.names()
    assert np.isnan(batches.own_switches).all()


def test_names_are_completed_and_mistakes_answered(late):
    assert {"stable_rank_pos", "rho_own_mean", "t", "limit"} <= set(dir(late))
    with pytest.raises(AttributeError, match="did you mean stable_rank_pos"):
        late.stable_rank_ps
    with pytest.raises(KeyError):
        late["nothing"]
    assert late["/outcome/reason"] == "reached-end"


def test_repr_tells_the_story(late):
    text = repr(late)
    for part in ("n=6, d=40, m=10, slope=0", "t = 10^100", "reached-end", "stable rank W+", "Limit(found"):
        assert part in text


def test_figure1_data_are_the_command_lines(tmp_path, program):
    pytest.importorskip("matplotlib")
    code, _, error = program("reproduce", "fig1", "--quick", "-q", "--out", tmp_path / "cli")
    assert code == 0, error
    lt.reproduce("fig1", out=tmp_path / "python", quick=True)
    for name in ("fig1.csv", "fig1_runs.csv"):
        assert (tmp_path / "cli" / name).read_bytes() == (tmp_path / "python" / name).read_bytes()
    settings = (tmp_path / "python/fig1.toml").read_text().splitlines()
    assert settings[0] == '# latetime.reproduce("fig1", quick=True)'
    assert settings[1:] == (tmp_path / "cli/fig1.toml").read_text().splitlines()[1:]
    for suffix in ("pdf", "svg", "png"):
        assert (tmp_path / f"python/figure1.{suffix}").stat().st_size > 5000
    with pytest.raises(ValueError, match="choose one of"):
        lt.reproduce("fig9")


def test_mnist_where_it_is(tmp_path, program):
    code, text, _ = program("inspect", "--json", _toml(tmp_path, 'source = "mnist"\nn = 20'))
    if code != 0:
        pytest.skip("no MNIST images on this machine (scripts/fetch-data)")
    data = lt.load_data(source="mnist", n=20)
    assert data.X.shape == (20, 784) and json.loads(text)["origin"] == data.origin


def _toml(folder, data):
    path = folder / "images.toml"
    path.write_text(f"[data]\n{data}\n")
    return path


def test_figure4_data_are_the_command_lines(tmp_path, program):
    pytest.importorskip("matplotlib")
    code, _, error = program("reproduce", "fig4", "--quick", "-q", "--out", tmp_path / "cli")
    if code == 2 and "fetch-data" in error:
        pytest.skip(error)
    assert code == 0, error
    lt.reproduce("fig4", out=tmp_path / "python", quick=True)
    for name in ("fig4.csv", "fig4_runs.csv"):
        assert (tmp_path / "cli" / name).read_bytes() == (tmp_path / "python" / name).read_bytes()
    assert (tmp_path / "python/figure4.pdf").stat().st_size > 5000
