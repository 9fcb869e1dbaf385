"""Trainings from Python: the bits of `latetime train` on the same data, whatever they come from and however they go on."""

import copy
import os
import pickle
import signal
import struct
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import latetime as lt
from test_same_bits import assert_same_arrays, assert_same_folder, settings

KEYS = {
    "groups": dict(n=20, d=30, width=8, method="sgd", epochs=20, batch_size=4),
    "trained": dict(n=20, d=30, width=8, method="gd", until="300", head="trained"),
    "float64": dict(n=20, d=30, width=8, method="sgd", epochs=5, batch_size=7, precision="float64"),
}
# What a configuration says where samples are arrays.
NAMES = {"/provenance/config"}


def write_images(folder, count, prefix):
    """An image set of ten digits, 6 x 6 pixels; gives its pixels and labels."""
    rng = np.random.default_rng(count)
    labels = np.arange(count) % 10
    pixels = np.where(rng.random((count, 36)) < 0.3, rng.integers(0, 120, (count, 36)), 0).astype(np.uint8)
    pixels[np.arange(count), 3 * labels] = 255
    (folder / f"{prefix}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 0x803, count, 6, 6) + pixels.tobytes())
    (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 0x801, count) + labels.astype(np.uint8).tobytes())
    return pixels / 255, labels


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    train, test = write_images(folder, 90, "train"), write_images(folder, 40, "t10k")
    keys = dict(source="mnist", folder=str(folder), n=0, classes="all")
    return keys, train, test


TEN = dict(width=6, init_std=0.01, method="sgd", batch_size=8, epochs=6)


def rows_of(folder):
    return (folder / "metrics.csv").read_bytes()


def command(program, folder, keys, *more):
    code, _, error = program("train", "-q", "--out", folder, *settings(keys), *more)
    assert code == 0, error


@pytest.mark.parametrize("kind", KEYS)
def test_a_training_in_memory_saved_is_the_command_lines_folder(kind, tmp_path, program):
    command(program, tmp_path / "cli", KEYS[kind])
    training = lt.train(**KEYS[kind])
    assert isinstance(training, lt.TrainingResult) and training.outcome.reason == "reached-end"
    training.save(tmp_path / "python")
    assert_same_folder(tmp_path / "cli", tmp_path / "python")
    with pytest.raises(ValueError, match="already holds a run"):
        training.save(tmp_path / "python")


@pytest.mark.parametrize("threads", [1, 3])
def test_a_training_into_a_folder_is_the_command_lines_folder(threads, tmp_path, program, images):
    keys = {**images[0], **TEN}
    command(program, tmp_path / "cli", keys)
    training = lt.train(out=tmp_path / "python", threads=threads, **keys)
    assert_same_folder(tmp_path / "cli", tmp_path / "python")
    assert_same_arrays(training, lt.train(threads=threads, **keys))
    assert training.weights.shape == (10, 6, 36)


@pytest.mark.parametrize("head", ["groups", "trained"])
def test_arrays_of_ten_classes_give_the_bits_of_their_image_set(head, tmp_path, program, images):
    keys, (X, y), (X_test, y_test) = images
    command(program, tmp_path / "cli", {**keys, **TEN, "head": head})
    stored = lt.load(tmp_path / "cli")
    for samples, labels in ((X, y), (X.reshape(-1, 6, 6), [f"digit {label}" for label in y])):
        of_test = [f"digit {label}" for label in y_test] if isinstance(labels, list) else y_test
        training = lt.train(samples, labels, X_test=X_test, y_test=of_test, head=head, **TEN)
        assert_same_arrays(stored, training, besides=NAMES)
        for name in training.columns:
            assert np.array_equal(np.asarray(stored[name]), np.asarray(training[name]), equal_nan=name != "engine"), name
    training.save(tmp_path / "python")
    assert rows_of(tmp_path / "python") == rows_of(tmp_path / "cli")
    assert not np.isnan(training.test_error).any()


def test_sparse_matrices_are_samples(images):
    sparse = pytest.importorskip("scipy.sparse")
    _, (X, y), (X_test, y_test) = images
    dense = lt.train(X, y, X_test=X_test, y_test=y_test, **TEN)
    assert_same_arrays(dense, lt.train(sparse.csr_matrix(X), y, X_test=sparse.coo_matrix(X_test), y_test=y_test, **TEN))


def test_own_arrays_and_weights_give_the_bits_of_their_files(tmp_path, program):
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((19, 11)), np.where(rng.random(19) < 0.5, 1, -1)
    W0 = 0.01 * rng.standard_normal((2, 7, 11))
    for name, array in (("X", X), ("y", y), ("W0", W0)):
        np.save(tmp_path / f"{name}.npy", array)
    files = dict(source="file", x=tmp_path / "X.npy", y=tmp_path / "y.npy", initial_weights=tmp_path / "W0.npy")
    keys = dict(width=7, method="sgd", batch_size=4, epochs=9)
    command(program, tmp_path / "cli", {**files, **keys})
    stored = lt.load(tmp_path / "cli")
    by_name = lt.train(tmp_path / "X.npy", tmp_path / "y.npy", W0=tmp_path / "W0.npy", **keys)
    for training in (by_name, lt.train(X, y, W0=W0, **keys), lt.train(lt.Dataset(X, y), W0=W0, **keys)):
        assert_same_arrays(stored, training, besides=NAMES)
    words = lt.train(X, np.where(y > 0, "cat", "dog"), positive="cat", W0=W0, **keys)
    assert_same_arrays(stored, words, besides=NAMES)
    assert np.array_equal(lt.train(X, y, W0=W0, precision="float64", until=0).weights, W0)


@pytest.mark.parametrize("kind", KEYS)
def test_resuming_in_memory_gives_the_bits_of_one_training(kind):
    whole = lt.train(**KEYS[kind])
    end = dict(until=whole.config.descent.until) if kind == "trained" else dict(epochs=whole.config.descent.epochs)
    # An earlier end at a record of the longer schedule.
    begun = lt.train(**{**KEYS[kind], "epochs": 0, "until": "10"})
    reached = begun.outcome
    assert_same_arrays(begun.resume(**end), whole)
    assert begun.outcome == reached
    with pytest.raises(ValueError, match="^descent.until: ends at t = 5, but the run in memory has come to t = 10"):
        begun.resume(until=5)
    with pytest.raises(ValueError, match="second end"):
        begun.resume(until=5, epochs=7)


def test_folders_go_on_wherever_they_were_begun(tmp_path, program, images):
    keys = {**images[0], **TEN}
    whole = lt.train(**keys)
    shorter = {**keys, "epochs": 0, "until": "10"}
    command(program, tmp_path / "a", shorter)
    assert_same_arrays(lt.load(tmp_path / "a").resume(epochs=6), whole)  # what is loaded knows its samples
    assert_same_arrays(lt.train(out=tmp_path / "a", resume=True, **keys), whole)
    lt.train(out=tmp_path / "b", **shorter)
    command(program, tmp_path / "b", keys, "--resume")
    assert_same_arrays(lt.load(tmp_path / "b"), whole)


def test_arrays_go_on_with_themselves_alone(tmp_path, images):
    _, (X, y), _ = images
    whole = lt.train(X, y, **TEN)
    begun = lt.train(X, y, out=tmp_path / "a", **{**TEN, "epochs": 0, "until": "10"})
    assert_same_arrays(begun.resume(epochs=6), whole)
    with pytest.raises(ValueError, match="other samples"):
        lt.train(X + 1, y, out=tmp_path / "a", resume=True, **TEN)
    with pytest.raises(ValueError, match=r"^X: .*lt\.train\(X, y, \.\.\., out=folder, resume=True\)"):
        lt.load(tmp_path / "a").resume(epochs=6)
    assert_same_arrays(lt.train(X, y, out=tmp_path / "a", resume=True, **TEN), whole)


def test_ctrl_c_keeps_what_was_recorded():
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent("""
            import sys
            import latetime as lt
            keys = dict(n=30, d=60, width=20, method="sgd", batch_size=4, per_decade=4)
            print("ready", flush=True)
            try:
                lt.train(epochs=10**9, **keys)
            except lt.Interrupted as stop:
                assert isinstance(stop, KeyboardInterrupt)
                training = stop.run
                step = int(training.step[-1])
                print(training.outcome.reason, len(training) > 5, training.weights.shape, flush=True)
                assert (training.resume(until=2 * step).outcome.reason) == "reached-end"
                print((lt.train(until=str(step), **keys).weights == training.weights).all(), flush=True)
        """)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    assert process.stdout.readline() == "ready\n"
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert out.splitlines() == ["interrupted True (2, 20, 60)", "True"]


def test_a_bar_shows_where_it_is_asked_for_and_changes_nothing(capsys):
    keys = dict(n=30, d=60, width=50, method="sgd", batch_size=2, until=500000, per_decade=1)
    quiet = lt.train(progress=False, **keys)
    assert capsys.readouterr().err == ""
    shown = lt.train(progress=True, **keys)
    assert "latetime" in capsys.readouterr().err
    assert_same_arrays(quiet, shown)


def test_overflow_ends_a_training_honestly():
    training = lt.train(n=8, d=20, width=6, learning_rate=1e300, init_std=1, until=10)
    assert training.outcome.reason == "not-finite" and "learning_rate" in training.outcome.message and len(training) == 1


def test_trainings_are_copied_but_not_pickled():
    training = lt.train(**KEYS["groups"])
    for other in (copy.copy(training), copy.deepcopy(training)):
        assert_same_arrays(training, other)
        assert other.resume(epochs=21).outcome.reason == "reached-end"
    with pytest.raises(TypeError, match="save"):
        pickle.dumps(training)


X3, Y3 = np.eye(6), [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(
    "call, kind, text",
    [
        (lambda: lt.train(X3), ValueError, r"y: is missing; give samples and labels, lt.train\(X, y\)"),
        (lambda: lt.train(X3, [0.5, 1, 2, 0, 1, 2]), ValueError, "y: holds 0.5; a class is a whole number or a word"),
        (lambda: lt.train(X3, [0, 1] * 3), ValueError, r"y: the labels are 0 and 1; .*lt.train\(X, y, positive=1\)"),
        (lambda: lt.train(X3, Y3[:5]), ValueError, "X: has 6 samples and 5 labels"),
        (lambda: lt.train(X3, Y3, X_test=X3), ValueError, "y_test: is missing; give it with X_test"),
        (lambda: lt.train(X3, Y3, y_test=Y3), ValueError, "X_test: is missing; give it with y_test"),
        (lambda: lt.train(X3, Y3, X_test=X3[:1], y_test=[7]), ValueError, "y_test: label 0 is 7, which y does not have"),
        (lambda: lt.train(X3, Y3, X_test=X3[:, :4], y_test=Y3), ValueError, "X_test: has 4 features, X has 6"),
        (lambda: lt.train(X3, Y3, X_test=X3[:1] * np.nan, y_test=[0]), ValueError, r"X_test: entry \(0, 0\) is nan"),
        (lambda: lt.train(n=8, X_test=X3, y_test=Y3), ValueError, "X_test: belongs to samples in arrays"),
        (lambda: lt.train(X3, Y3, W0=np.zeros((2, 4, 6))), ValueError, r"W0: has shape \(2, 4, 6\); .*\(3, m, d\)"),
        (lambda: lt.train(X3, Y3, lr=0.1), ValueError, "lr: unknown key; did you mean descent.learning_rate?"),
        (lambda: lt.train(X3, Y3, engine="frozen"), ValueError, "descent.engine: "),
        (lambda: lt.train(X3, Y3, resume=True), ValueError, "resume: goes on with the training of a folder"),
        (lambda: lt.train(X3, Y3, out=3), TypeError, "out: is an int"),
        (lambda: lt.train(X3 * np.inf, Y3), ValueError, r"X: entry \(0, 0\) is"),
    ],
)
def test_bad_input_is_answered_in_one_line(call, kind, text):
    with np.errstate(invalid="ignore"), pytest.raises(kind, match="^" + text) as error:
        call()
    assert "\n" not in str(error.value)


def test_a_folder_of_a_run_is_refused_and_left_as_it_is(tmp_path):
    lt.run(until="10", out=tmp_path / "a")
    before = {name: (tmp_path / "a" / name).read_bytes() for name in os.listdir(tmp_path / "a")}
    for resume in (False, True):
        with pytest.raises(ValueError, match="a run"):
            lt.train(until="20", out=tmp_path / "a", resume=resume)
    assert {name: (tmp_path / "a" / name).read_bytes() for name in before} == before
