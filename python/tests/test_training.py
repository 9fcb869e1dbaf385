"""Folders of `latetime train` in Python: what they hold, and what they are not."""

import numpy as np
import pytest

import latetime as lt

SMALL = ["data.source=gaussian-mixture", "data.n=20", "data.d=10", "network.width=5", "descent.method=sgd",
         "descent.batch_size=6", "descent.epochs=10"]


def train(program, folder, *settings):
    sets = [part for setting in (*SMALL, *settings) for part in ("--set", setting)]
    code, _, error = program("train", "-q", "--out", folder, *sets)
    assert code == 0, error
    return folder


def test_a_training_is_loaded_with_all_its_columns(program, tmp_path):
    pandas = pytest.importorskip("pandas")
    training = lt.load(train(program, tmp_path / "a"))
    stored = pandas.read_csv(tmp_path / "a/metrics.csv", float_precision="round_trip")
    assert isinstance(training, lt.TrainingResult) and training.columns == list(stored.columns)
    for name in training.columns:
        if name not in ("engine", "group_stable_ranks"):
            assert np.array_equal(training[name], stored[name].to_numpy(float), equal_nan=True), name
            assert np.array_equal(getattr(training, name), training[name], equal_nan=True)
    assert len(training) == len(stored) and training.engine == list(stored["engine"])
    groups = [[float(part) for part in text.split()] for text in stored["group_stable_ranks"]]
    assert np.array_equal(training.group_stable_ranks, groups)
    assert np.array_equal(training.t, training.log10_t, equal_nan=True) and training.epoch[-1] == 10
    frame = training.to_dataframe()
    assert list(frame.columns) == training.columns and list(frame["engine"]) == training.engine
    assert np.array_equal(frame["log_loss"], training.log_loss)
    assert training.weights.shape == (2, 5, 10) and training.output_weights is None and training.output_bias is None
    assert np.array_equal(training["/final/weights"], training.weights)
    assert training.outcome.reason == "reached-end" and training.outcome.log10_t == np.log10(40)
    assert training.config.network.width == 5 and training.config.descent.epochs == 10
    assert np.isclose(np.linalg.norm(training.weights), training.norm_w[-1], rtol=1e-6)
    for part in ("TrainingResult(gaussian-mixture", "step 40, epoch 10", "reached-end"):
        assert part in repr(training)
    with pytest.raises(ValueError):
        training.log_loss[0] = 0


def test_a_trained_output_layer_is_loaded(program, tmp_path):
    training = lt.load(train(program, tmp_path / "a", "network.head=trained"))
    assert training.weights.shape == (1, 5, 10)
    assert training.output_weights.shape == (2, 5) and training.output_bias.shape == (2,)
    assert "output_weights" in dir(training) and "epoch" in dir(training)


def test_mistaken_names_are_answered(program, tmp_path):
    training = lt.load(train(program, tmp_path / "a"))
    with pytest.raises(AttributeError, match="a training has no test_eror; did you mean test_error"):
        training.test_eror
    with pytest.raises(KeyError):
        training["nothing"]
    with pytest.raises(KeyError, match="a training has no array /final/weigths; did you mean /final/weights"):
        training["/final/weigths"]


def test_a_training_stopped_before_its_first_result_is_still_a_table(program, tmp_path):
    folder = train(program, tmp_path / "a")
    (folder / "result.h5").unlink()
    training = lt.load(folder)
    assert training.weights is None and training.outcome.reason == "interrupted" and len(training) > 3
    assert "interrupted" in repr(training)


def test_claims_and_limits_of_a_training_are_refused_in_so_many_words(program, tmp_path):
    folder = train(program, tmp_path / "a")
    for function in (lt.check, lt.limit):
        for target in (folder, str(folder), lt.load(folder)):
            with pytest.raises(ValueError) as error:
                function(target)
            text = str(error.value)
            assert "\n" not in text and "damaged" not in text
            assert f"holds a training of latetime train, without the state of every pair; lt.{function.__name__} looks at runs" in text


def test_a_run_is_still_a_run(tmp_path):
    lt.run(until="100", out=tmp_path / "a")
    assert isinstance(lt.load(tmp_path / "a"), lt.Run)
    for nothing in (tmp_path / "none", tmp_path):
        with pytest.raises(ValueError):
            lt.load(nothing)
    with pytest.raises(TypeError, match="^path: is an int; give the folder"):
        lt.load(3)
