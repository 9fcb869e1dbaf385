"""Carrying out a training."""

from typing import Dict, Optional

from . import _config, _core
from ._arrays import to_classes, to_known_classes
from ._checks import kind_of, path_text, thread_count
from ._data import (
    Dataset, base_configuration, core_config, initial_weights, one_source, samples_and_labels, split_source, test_samples,
    with_own_data,
)
from ._names import answers_unknown_names
from ._progress import RunProgress
from ._run import Interrupted
from ._training import TrainingResult


@answers_unknown_names
def train(
    source=None,
    /,
    y=None,
    *,
    X=None,
    X_test=None,
    y_test=None,
    positive=None,
    config=None,
    W0=None,
    seed: Optional[int] = None,
    out=None,
    resume: bool = False,
    threads: Optional[int] = None,
    progress: Optional[bool] = None,
    **keys,
) -> TrainingResult:
    """Trains a classifier as `latetime train` does, at image-set size; returns a TrainingResult.

    train(X, y, X_test=X_test, y_test=y_test, width=1000, method="sgd", epochs=10)
    train(source="mnist", n=0, classes="all", head="trained", method="sgd", epochs=10)
    train("X.npy", "y.npy"), train(config), train("train.toml"), train(dataset): as of `lt.run`

    X (n, d), y (n,): arrays, lists, tables, sparse matrices, tensors; images (n, 28, 28) become rows. Labels of two
    classes are those of `lt.run`, with `positive`; of three or more, whole numbers or words, class k is the k-th in
    ascending order.
    X_test, y_test: samples whose loss and error are measured at each record, with labels that y has; of own arrays X
    alone, as image sets have their own.
    keys: any key of the configuration, whatever its section; they go over `config`.
    W0: initial hidden weights (groups, m, d) instead of random ones; an array, or a file of one. Groups are classes,
    or one for head="trained".
    seed: root of every random number. The same seed gives the same bits, with any number of threads.
    out: a folder; the training is written there as it goes on, as by `latetime train --out`, and a killed one can go on
        with resume=True, given the same samples. Without it, everything stays in memory.
    progress: a bar on standard error or in the notebook; None: where someone watches.

    Other threads of Python go on meanwhile. Ctrl-C raises Interrupted, a KeyboardInterrupt whose `.run` is the
    TrainingResult of what was recorded. Bad input raises ValueError with the text of the command line, TypeError for
    things that are no arrays. A training whose outputs overflow returns: see its outcome.
    """
    classes = _Classes()
    given, data, keys = split_source("train", one_source("train", source, X, keys), y, positive, keys, classes)
    config, keys = base_configuration("train", given, config, keys, seed)
    if out is None and resume:
        raise ValueError("resume: goes on with the training of a folder; name it by out=")
    W0, keys = initial_weights(W0, keys)
    test = classes.test_samples(data, X_test, y_test)
    if data is None:
        core = core_config(config, keys)
    else:
        core = _config.to_core(with_own_data(config, keys, "arrays:X", "arrays:y"))
    problem = _core.TrainingProblem(core, data._core if data is not None else None, test, W0)
    return carry_out(problem, _core.Memory() if out is None else None, out, resume, threads, progress)


class _Classes:
    """Makes samples of arrays, and knows afterwards what their classes are called."""

    def __init__(self):
        self._numbers: Dict[str, int] = {"1": 0, "-1": 1}  # of a Dataset

    def __call__(self, X, y, positive, function: str) -> _core.Dataset:
        samples, found = samples_and_labels(X, y, function, lambda y, call: _Found(*to_classes(y, positive, call)))
        self._numbers = found.numbers
        return _core.classified(samples, found.classes, len(self._numbers), "X")

    def test_samples(self, data: Optional[Dataset], X, y) -> Optional[_core.Dataset]:
        def to_numbers(y, call):
            return to_known_classes(y, self._numbers, "y_test")

        count = len(self._numbers)
        return test_samples(data, X, y, "train", to_numbers, count, "leave it out, image sets have their own")


class _Found:
    """Class numbers of samples, with the numbers of all labels."""

    def __init__(self, classes, numbers):
        self.classes, self.numbers = classes, numbers

    def __len__(self) -> int:
        return len(self.classes)


def carry_out(problem, memory, out, resume, threads, progress) -> TrainingResult:
    folder = "" if out is None else path_text(out, "out")
    with RunProgress(progress) as bar:
        summary = _core.carry_out_training(problem, memory, folder, thread_count(threads), resume, *bar.callbacks())
    result = TrainingResult(memory if out is None else _core.read_training(folder), problem)
    if summary["by_keyboard"]:
        raise Interrupted(result)
    return result


def resume_training(earlier: TrainingResult, until, epochs, threads, progress) -> TrainingResult:
    """See TrainingResult.resume."""
    config = earlier.config
    if until is not None and epochs is not None:
        raise ValueError("epochs: is a second end beside until; give one")
    if until is not None:
        if isinstance(until, bool) or not isinstance(until, (str, int, float)) and not hasattr(until, "item"):
            raise TypeError(f"until: is {kind_of(until)}; give a number of steps, such as 10**6")
        config = config.with_keys(until=until, epochs=0)  # one end gives way to the other
    elif epochs is not None:
        config = config.with_keys(epochs=epochs, until=_config.Descent().until)
    core = _config.to_core(config)
    problem = earlier._problem
    problem = _core.TrainingProblem(core, None, None, None) if problem is None else problem.with_config(core)
    return carry_out(problem, earlier._memory.copy(), None, True, threads, progress)
