"""Samples: own arrays, or what a configuration describes."""

import dataclasses
import os
import re
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

import numpy as np

from . import _config, _core
from ._arrays import is_frame, is_path, label_text, split_labels, to_array, to_labels, to_numbers, to_samples
from ._checks import kind_of, path_text, whole_number
from ._names import answers_unknown_names


class Dataset:
    """n samples of dimension d with labels +1 or -1.

    Dataset(X, y): X is (n, d), y is (n,): arrays, lists, tables, tensors, or y the name of a column of the table X
    (docs/formats.md, "Python objects, one by one"). A C-ordered float64 X whose memory is aligned to 16 bytes (NumPy's
    own arrays are) is used where it lies, without a copy; it must not change while a run uses it. Other types and
    layouts are converted once. positive: which of two labels counts as +1, where they are not +1 and -1.
    Raises ValueError for shapes that do not fit, entries that are not finite, and other labels, TypeError for what
    is no array.
    """

    @answers_unknown_names
    def __init__(self, X, y, *, positive=None):
        self._core = _core_dataset(X, y, positive, "Dataset")

    @classmethod
    def _of(cls, core) -> "Dataset":
        dataset = cls.__new__(cls)
        dataset._core = core
        return dataset

    @property
    def X(self) -> np.ndarray:
        """(n, d) samples, a read-only view."""
        return self._core.X

    @property
    def y(self) -> np.ndarray:
        """(n,) labels +1.0 and -1.0."""
        return self._core.y

    @property
    def origin(self) -> str:
        """Where the samples come from."""
        return self._core.origin

    def __len__(self) -> int:
        return self.X.shape[0]

    def __reduce__(self):
        return Dataset, (np.array(self.X), np.array(self.y))  # pickle and copy: the arrays, no longer where they came from

    def __repr__(self) -> str:
        n, d = self.X.shape
        return f"Dataset(n={n}, d={d}, from {self.origin})"


def _core_dataset(X, y, positive, function: str) -> _core.Dataset:
    samples, labels = samples_and_labels(X, y, function, lambda y, call: to_labels(y, positive, call))
    return _core.Dataset(samples, labels)


def samples_and_labels(X, y, function: str, convert: Callable[[Any, str], Any], names=("X", "y")) -> Tuple[np.ndarray, Any]:
    """Samples (n, d), and what `convert(y, call)` makes of the labels.

    call: what to write where labels need a positive one; names: of the two arguments.
    """
    call = f"lt.{function}(X, y, {{}})"
    if is_frame(X):
        if not is_frame(y) and np.ndim(y) == 0:
            call = f"lt.{function}(X, y={y!r}, {{}})"
        X, y = split_labels(X, y)
    if is_path(X):
        raise TypeError(f"{names[0]}: is the name of a file; write lt.load_data({os.fspath(X)!r}, ...)")
    samples, labels = to_samples(X, names[0]), convert(y, call)
    shape: Any = getattr(X, "shape", ())
    if len(labels) != len(samples) and len(shape) > 2 and len(labels) == shape[-1]:
        raise ValueError(
            f"{names[1]}: {len(labels)} labels, and images along the last axis of {names[0]}; write "
            f"np.moveaxis({names[0]}, -1, 0)"
        )
    if len(labels) != len(samples) and len(labels) == samples.shape[1]:
        raise ValueError(
            f"{names[1]}: {len(labels)} labels for the {len(samples)} rows of {names[0]}, which has {samples.shape[1]} "
            f"columns; where a sample is a column, write {names[0]}.T"
        )
    return samples, labels


@answers_unknown_names
def load_data(source=None, /, y=None, *, X=None, positive=None, **keys) -> Dataset:
    """The samples of files, or those that a configuration describes; what `lt.run` takes is taken here too.

    load_data("X.npy", "y.npy"), load_data("data.csv", y="label", positive=1),
    load_data(source="mnist", n=200, classes="3 vs 8"), load_data(config), load_data("run.toml").
    Raises ValueError and TypeError as `lt.run` does.
    """
    config, data, keys = split_source("load_data", one_source("load_data", source, X, keys), y, positive, keys)
    if data is None:
        return Dataset._of(_core.load_data(core_config(config, keys)))
    if keys:
        raise ValueError(f"{next(iter(keys))}: does not belong to samples in arrays; leave it out")
    return data


_CONFIGURATION = "a Config or the name of a configuration file"
_SOURCES = next(field["one_of"] for field in _config.fields() if (field["section"], field["key"]) == ("data", "source"))


def _refuse_source(name) -> None:
    if name in _SOURCES and not os.path.exists(name):
        raise ValueError(f'{name}: is a source of samples and no file; write source="{name}"')


# label_noise is of any samples.
_DATA_KEYS = [field["key"] for field in _config.fields() if field["section"] == "data" and field["key"] != "label_noise"]
_TEST_INSTEAD = "give the test samples as X_test and y_test"
_WRITE_INSTEAD = {
    "test_n": _TEST_INSTEAD,
    "test_x": _TEST_INSTEAD,
    "test_y": _TEST_INSTEAD,
    "transpose": "where a sample is a column, write X.T",
    "label_column": "give the labels as y, or, of a table (pandas), the name of their column",
    "source": "leave it out",
}


def _refuse_data_keys(keys: Dict[str, Any]) -> None:
    """Arrays are what they are: a key that makes, reads or chooses samples would do nothing."""
    for key in keys:
        if key in _DATA_KEYS:
            mend = _WRITE_INSTEAD.get(key, "leave it out, or change X before")
            raise ValueError(f"{key}: does not belong to samples in arrays; {mend}")


def _refuse_missing_file(path: str) -> None:
    """Before anything is asked about its labels."""
    file = re.split(r"(?<=\.npz|\.hdf|\.mat):|(?<=\.h5):|(?<=\.hdf5):", path, flags=re.IGNORECASE)[0]
    if not os.path.exists(file):
        raise ValueError(f"{file}: no such file; check the path")


def core_config(config, keys: Dict[str, Any]):
    """The library's configuration from an object, a file or nothing, and keys that change it."""
    if config is None:
        config = _config.Config()
    if isinstance(config, _config.Config):
        return _config.to_core(config.with_keys(**keys))
    if is_path(config):
        _refuse_source(config)
    return _core.read_config(path_text(config, "config", _CONFIGURATION), _config.assignments(keys))


@answers_unknown_names
def batch_order(n: int, batch_size: int = 64, *, seed: int = 1, epochs: int = 1, first_epoch: int = 0) -> List[np.ndarray]:
    """The mini-batches of method = "sgd", one array of sample numbers a step.

    n: samples; batch_size, seed: as in the configuration. An epoch is ceil(n / batch_size) steps, its last batch holds
    what is left; epochs first_epoch, first_epoch + 1, ... are given. docs/training.md says how the order is made.
    Raises ValueError for numbers that are not possible.
    """
    n, batch_size = whole_number(n, "n", 1, 2**32), whole_number(batch_size, "batch_size", 1)
    seed, epochs, first_epoch = whole_number(seed, "seed"), whole_number(epochs, "epochs"), whole_number(first_epoch, "first_epoch")
    steps: List[np.ndarray] = []
    for epoch in range(first_epoch, first_epoch + epochs):
        order = _core.batch_permutation(seed, epoch, n)
        steps += [order[first : first + batch_size] for first in range(0, n, batch_size)]
    return steps


class Inspection(Dict[str, Any]):
    """What `latetime inspect --json` prints, entries also as attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __repr__(self) -> str:
        return "\n".join(f"{key:<28}{value}" for key, value in self.items())


@answers_unknown_names
def inspect(target=None, /, y=None, *, X=None, positive=None, **keys) -> Inspection:
    """How nearly orthogonal samples are and, for a configuration, what it would run.

    target: a Config, a .toml file, a Dataset, an array X (n, d) (with labels y: as a run of it), or a file of samples
    (.npy, .npz:name, .csv, .h5:/path). What `lt.run` takes as X, y and positive is taken here too. `keys` change the
    configuration.

    R_min, R_max: smallest and largest norm; R = R_max / R_min; p: largest |<x_i, x_k>|; further
    n_p_over_R_min_squared, smallest_eigenvalue_of_G, linearly_independent; and for a
    configuration origin, classes, engine, last_step, records, neurons.
    """
    target = one_source("inspect", target, X, keys)
    if is_path(target):
        _refuse_source(target)
    alone = y is None and positive is None and not keys  # samples without labels, and nothing about a run
    if is_path(target) and alone and not os.fspath(target).endswith(".toml"):
        return Inspection(_core.inspect_array(_core.read_array(os.fspath(target))))
    if alone and target is not None and not is_path(target) and not isinstance(target, (_config.Config, Dataset)):
        return Inspection(_core.inspect_array(to_samples(target)))
    if isinstance(target, Dataset) and alone:
        return Inspection(_core.inspect_array(target.X))
    config, data, keys = split_source("inspect", target, y, positive, keys)
    return Inspection(make_problem(config, keys, data).inspect())


# ---- what a user calls a source

_DATA_FILES = (".npy", ".npz", ".h5", ".hdf5", ".mat", ".csv", ".tsv", ".txt", ".libsvm", ".svm", ".svmlight")
_LIBSVM_LINE = re.compile(r"\S+\s+(qid|\d+):\S")


def is_data_file(value: Any) -> bool:
    """Whether this names a file of numbers, such as X.npy or data.npz:X, rather than a configuration."""
    if not is_path(value):
        return False
    name = os.fspath(value).lower()
    if name.endswith(".toml"):
        return False
    if name.endswith(_DATA_FILES) or any(f"{ending}:" in name for ending in _DATA_FILES):
        return True
    return _looks_like_libsvm(os.fspath(value))


def _looks_like_libsvm(path: str) -> bool:
    """LIBSVM's data sets have all extensions, or none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return bool(_LIBSVM_LINE.match(file.readline(10_000)))
    except OSError:
        return False


def one_source(function: str, source, X, keys: Dict[str, Any]):
    """The first argument or X=, whichever is given."""
    if "x" in keys and not is_path(keys["x"]):
        raise TypeError(f"x: is the key of a file of samples; give arrays as lt.{function}(X, y), or X= and y=")
    if X is None:
        return source
    if source is not None:
        raise TypeError(f"{function}: give the samples once, as the first argument or as X=")
    return X


def split_source(
    function: str, source, y, positive, keys: Dict[str, Any], make=None
) -> Tuple[Any, Optional[Dataset], Dict[str, Any]]:
    """(configuration or None, Dataset or None, keys) of what a user calls a source.

    Files of samples and labels become keys of the configuration; arrays of every kind become a Dataset, by
    `make(X, y, positive, function)` where that is given.
    """
    if isinstance(source, Dataset):
        if y is not None or positive is not None:
            raise TypeError(f"{function}: a Dataset has its labels; give them to lt.Dataset(X, y, positive=...)")
        _refuse_data_keys(keys)
        return None, source, keys
    if source is None or isinstance(source, _config.Config) or (is_path(source) and not _names_samples(source, y)):
        return source, None, _joined(keys, _label_keys(function, source, y, positive))
    if is_path(source) and (y is None or is_path(y) or isinstance(y, int)):
        files = {"source": "file", "x": os.fspath(source)}
        if y is not None:
            of_column = isinstance(y, int) or not (is_data_file(y) or os.path.exists(y))
            files["label_column" if of_column else "y"] = str(y)
        if y is None:
            _refuse_missing_file(os.fspath(source))
        return None, None, _joined(files, keys, _label_keys(function, source, None, positive))
    if y is None:
        _refuse_data_keys(keys)
        raise ValueError(_missing_labels(function, source))
    _refuse_data_keys(keys)
    X, y = arrays_of_files(source, y)
    dataset = Dataset.__new__(Dataset)
    dataset._core = (make or _core_dataset)(X, y, positive, function)
    return None, dataset, keys


def arrays_of_files(X, y) -> Tuple[Any, Any]:
    """Samples and labels, what of them is named by a file read from it."""
    X = _core.read_array(os.fspath(X)) if is_path(X) else X
    if is_data_file(y) and not is_frame(X):
        y = _core.read_array(os.fspath(y))
    return X, y


def base_configuration(function: str, given, config, keys: Dict[str, Any], seed: Optional[int]) -> Tuple[Any, Dict[str, Any]]:
    """The configuration, given as the first argument or as config=, and the keys that go over it, `seed` among them."""
    if given is not None and config is not None:
        raise TypeError(f"{function}: give a configuration once, as the first argument or as config=")
    return config if given is None else given, keys if seed is None else {**keys, "seed": seed}


def _names_samples(path, y) -> bool:
    """A file of samples, rather than a configuration: by its name, or because labels are given for it."""
    return is_data_file(path) or (y is not None and not os.fspath(path).endswith(".toml"))


def _joined(*groups: Dict[str, Any]) -> Dict[str, Any]:
    """All keys; what is given as an argument and by another name too is not passed over."""
    joined: Dict[str, Any] = {}
    for group in groups:
        for key, value in group.items():
            if key in joined and joined[key] != value:
                raise ValueError(f"{key}: is given twice, {joined[key]!r} and {value!r}; give it once")
            joined[key] = value
    return joined


def _label_keys(function: str, source, y, positive) -> Dict[str, Any]:
    """Keys of the configuration for labels that a file has."""
    keys = {}
    if y is not None:
        if not is_path(y):
            if source is None:
                raise ValueError(f"X: is missing; give samples and labels, lt.{function}(X, y)")
            raise ValueError(
                f"y: a configuration names its own labels; leave y out, give the name of a file, or give the samples "
                f"too, lt.{function}(X, y)"
            )
        keys["y"] = os.fspath(y)
    if positive is not None:
        keys["positive"] = label_text(positive)
    return keys


def _missing_labels(function: str, source) -> str:
    if isinstance(source, (list, tuple)) and len(source) == 2 and np.ndim(source[0]) == 2:
        return f"y: is missing; write lt.{function}(*pair) where the pair holds X and y"
    if is_frame(source):
        return f"y: is missing; name the column of the labels, lt.{function}(X, y={list(source.columns)[-1]!r})"
    if hasattr(source, "shape") or isinstance(source, (list, tuple)):
        return f"y: is missing; give samples and labels, lt.{function}(X, y)"
    raise TypeError(
        f"{function}: the first argument is {kind_of(source)}; give samples and labels (X, y), a Dataset, a Config, "
        "or the name of a file"
    )


def initial_weights(W0, keys: Dict[str, Any]) -> Tuple[Optional[np.ndarray], Dict[str, Any]]:
    """W0 as numbers, and the keys, of which `width` follows from its shape."""
    if W0 is None:
        return None, keys
    if is_path(W0):  # as initial_weights=
        W0 = _core.read_array(os.fspath(W0))
    W0 = to_numbers(to_array(W0, "W0"), "W0")
    if W0.ndim == 3 and "width" not in keys:
        keys = {**keys, "width": W0.shape[1]}
    return W0, keys


def with_own_data(config, keys: Dict[str, Any], x: str, y: str) -> _config.Config:
    """A configuration whose samples are arrays, which it calls x and y."""
    if config is None:
        config = _config.Config()
    elif not isinstance(config, _config.Config):
        config = _config.Config.read(path_text(config, "config", _CONFIGURATION))
    return dataclasses.replace(config, data=_config.Data(source="file", x=x, y=y)).with_keys(**keys)


def make_problem(config, keys: Dict[str, Any], data: Optional[Dataset] = None, W0=None, test=None):
    """What is run: a configuration, keys that change it, own samples, test samples of them, and initial weights."""
    W0, keys = initial_weights(W0, keys)
    if data is None:
        return _core.Problem(core_config(config, keys), None, None, W0)
    # The run's own folder will hold the samples: the configuration names them there.
    config = with_own_data(config, keys, "result.h5:/data/x", "result.h5:/data/y")
    return _core.Problem(_config.to_core(config), data._core, test, W0)


def test_samples(
    data: Optional[Dataset], X, y, function: str, convert: Callable[[Any, str], Any], count: int, elsewhere: str
) -> Optional[_core.Dataset]:
    """Test samples of own samples, of `count` classes, whose numbers convert(y, call) are.

    elsewhere: what to do where samples are no arrays; call: as in samples_and_labels.
    """
    if X is None and y is None:
        return None
    if X is None or y is None:
        missing, there = ("X_test", "y_test") if X is None else ("y_test", "X_test")
        raise ValueError(f"{missing}: is missing; give it with {there}")
    if data is None:
        raise ValueError(f"X_test: belongs to samples in arrays, lt.{function}(X, y, ...); {elsewhere}")
    X, y = arrays_of_files(X, y)
    samples, numbers = samples_and_labels(X, y, function, convert, ("X_test", "y_test"))
    if samples.shape[1] != data.X.shape[1]:
        raise ValueError(f"X_test: has {samples.shape[1]} features, X has {data.X.shape[1]}; give both the same")
    return _core.classified(samples, numbers, count, "X_test")
