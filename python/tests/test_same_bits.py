"""Python and the command line give the same bits: metrics.csv byte for byte, every array of result.h5."""

import os

import numpy as np
import pytest

import latetime as lt
from latetime._config import toml_value

KEYS = {
    "exact": dict(n=8, d=60, width=12, slope=0.0, until="3000"),
    "late": dict(n=8, d=60, width=12, slope=0.0, until="1e100"),
    "gradient-flow": dict(n=8, d=60, width=12, method="flow", until="1e30"),
    "mini-batches": dict(n=20, d=30, width=8, method="sgd", epochs=20, batch_size=4),
    "dense": dict(n=8, d=60, width=12, until="2000", engine="dense"),
}
EARLIER = {"exact": "1000", "late": "1e20"}
# What tells one run of the same thing from another.
NOT_THE_RUN = {"/provenance/wall_seconds"}


def settings(keys):
    section = {field["key"]: field["section"] for field in lt.fields()}
    return [part for key, value in keys.items() for part in ("--set", f"{section[key]}.{key}={toml_value(value)}")]


def assert_same_folder(one, other):
    for name in ("metrics.csv", "config.toml", "overview.svg"):
        with open(one / name, "rb") as a, open(other / name, "rb") as b:
            assert a.read() == b.read(), name
    assert_same_arrays(lt.load(one), lt.load(other))


def assert_same_arrays(one, other, besides=()):
    assert sorted(one.names()) == sorted(other.names())
    for name in one.names():
        if name in NOT_THE_RUN or name in besides:
            continue
        a, b = one[name], other[name]
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype and a.shape == b.shape, name
            assert a.tobytes() == b.tobytes(), name
        else:
            assert a == b, name


@pytest.mark.parametrize("kind", KEYS)
def test_a_run_in_memory_saved_is_the_command_lines_folder(kind, tmp_path, program):
    code, _, error = program("run", "-q", "--out", tmp_path / "cli", *settings(KEYS[kind]))
    assert code == 0, error
    run = lt.run(**KEYS[kind])
    run.save(tmp_path / "python")
    assert_same_folder(tmp_path / "cli", tmp_path / "python")


@pytest.mark.parametrize("kind", ["exact", "late"])
def test_a_run_into_a_folder_is_the_command_lines_folder(kind, tmp_path, program):
    assert program("run", "-q", "--out", tmp_path / "cli", *settings(KEYS[kind]))[0] == 0
    lt.run(out=tmp_path / "python", threads=1, **KEYS[kind])
    assert_same_folder(tmp_path / "cli", tmp_path / "python")


def test_own_arrays_give_the_bits_of_their_files(tmp_path, program):
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((9, 40)), np.where(rng.random(9) < 0.5, 1, -1)
    W0 = 0.01 * rng.standard_normal((2, 7, 40))
    for name, array in (("X", X), ("y", y), ("W0", W0)):
        np.save(tmp_path / f"{name}.npy", array)
    files = dict(source="file", x=tmp_path / "X.npy", y=tmp_path / "y.npy", initial_weights=tmp_path / "W0.npy")
    keys = dict(width=7, until="1e40")
    assert program("run", "-q", "--out", tmp_path / "cli", *settings({**files, **keys}))[0] == 0
    run = lt.run(X, y, W0=W0, **keys)
    assert_same_arrays(
        run, lt.load(tmp_path / "cli"), besides={"/provenance/config", "/provenance/data_origin"}
    )
    run.save(tmp_path / "python")
    with open(tmp_path / "cli/metrics.csv", "rb") as a, open(tmp_path / "python/metrics.csv", "rb") as b:
        assert a.read() == b.read()


def test_the_command_line_repeats_a_saved_run_on_own_arrays(tmp_path, program):
    rng = np.random.default_rng(4)
    X, y = rng.standard_normal((6, 20)), np.array([1, -1] * 3)
    run = lt.run(X, y, W0=0.1 * rng.standard_normal((2, 5, 20)), until="500")
    run.save(tmp_path / "saved")
    code, _, error = program("run", "-q", tmp_path / "saved/config.toml", "--out", tmp_path / "again")
    assert code == 0, error
    assert (tmp_path / "again/metrics.csv").read_bytes() == (tmp_path / "saved/metrics.csv").read_bytes()


def test_saving_what_was_loaded_changes_nothing(tmp_path):
    run = lt.run(out=tmp_path / "first", **KEYS["late"])
    run.save(tmp_path / "second")
    assert_same_folder(tmp_path / "first", tmp_path / "second")
    with pytest.raises(ValueError, match="already holds a run"):
        run.save(tmp_path / "second")


@pytest.mark.parametrize("kind", ["exact", "late"])
def test_resuming_in_memory_gives_the_bits_of_one_run(kind):
    keys = KEYS[kind]
    whole = lt.run(**keys)
    begun = lt.run(**{**keys, "until": EARLIER[kind]})
    reached = begun.outcome
    assert_same_arrays(begun.resume(keys["until"]), whole)
    assert begun.outcome == reached  # as it was


def test_resuming_to_where_other_engines_are_needed_is_refused():
    with pytest.raises(ValueError, match="descent.until: .*run it anew"):
        lt.run(n=8, d=60, width=12, until="1000").resume("1e100")


def test_resuming_in_a_folder_goes_on_where_the_command_line_stopped(tmp_path, program):
    keys = KEYS["late"]
    whole = lt.run(**keys)
    assert program("run", "-q", "--out", tmp_path / "a", *settings({**keys, "until": EARLIER["late"]}))[0] == 0
    assert_same_arrays(lt.run(out=tmp_path / "a", resume=True, **keys), whole)


def test_the_number_of_threads_changes_nothing():
    assert_same_arrays(lt.run(threads=1, **KEYS["late"]), lt.run(threads=3, **KEYS["late"]))


def test_an_observer_changes_nothing():
    assert_same_arrays(lt.run(**KEYS["late"]), lt.run(observer=lambda s: s.weights, **KEYS["late"]))


def test_limit_of_a_folder_is_what_the_command_line_prints(tmp_path, program):
    import json

    run = lt.run(out=tmp_path / "a", **KEYS["late"])
    code, text, _ = program("limit", tmp_path / "a", "--json")
    assert code == 0
    printed = json.loads(text)
    for found in (run.limit, lt.limit(tmp_path / "a")):
        assert found.status == printed["status"] == "found"
        assert list(found.stable_rank) == [printed["stable_rank"][part] for part in ("pos", "neg", "all")]
        assert found.multipliers.tolist() == printed["multipliers"]
        assert np.flatnonzero(found.support).tolist() == printed["support"]
        assert found.pairs["other"]["switches"] == printed["pairs"]["other"]["switching"]
        assert found.linear["cosine"] == printed["linear"]["cosine"]
        assert found.linear["boundary"] == printed["linear"]["boundary"]


def test_inspection_is_what_the_command_line_prints(tmp_path, program):
    import json

    (tmp_path / "a.toml").write_text('[data]\nn = 7\nd = 30\n[descent]\nuntil = "1e100"\n')
    printed = json.loads(program("inspect", tmp_path / "a.toml", "--json")[1])
    assert lt.inspect(tmp_path / "a.toml") == printed
    assert lt.inspect(lt.Config.read(tmp_path / "a.toml")) == printed
    X = np.random.default_rng(0).standard_normal((5, 12))
    np.save(tmp_path / "X.npy", X)
    printed = json.loads(program("inspect", tmp_path / "X.npy", "--json")[1])
    assert lt.inspect(X) == lt.inspect(str(tmp_path / "X.npy")) == printed


def test_overview_is_written_too(tmp_path):
    lt.run(until="100").save(tmp_path / "a")
    assert os.path.getsize(tmp_path / "a/overview.svg") > 1000
