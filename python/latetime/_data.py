"""Samples: own arrays, or what a configuration describes."""

import dataclasses
import os
from typing import Any, Dict, Optional, Tuple, Union

import numpy as np

from . import _config, _core


class Dataset:
    """n samples of dimension d with labels +1 or -1.

    Dataset(X, y): X is (n, d), y is (n,). A C-ordered float64 X whose memory is aligned to 16 bytes (NumPy's own
    arrays are) is used where it lies, without a copy; it must not change while a run uses it. Other
    types and layouts are converted once. Raises ValueError for shapes that do not fit, entries that
    are not finite, and other labels.
    """

    def __init__(self, X, y):
        self._core = _core.Dataset(np.asarray(X), np.asarray(y))

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

    def __repr__(self) -> str:
        n, d = self.X.shape
        return f"Dataset(n={n}, d={d}, from {self.origin})"


def load_data(config: Optional[Union[_config.Config, str, os.PathLike]] = None, /, **keys) -> Dataset:
    """The samples that a configuration describes.

    load_data(source="mnist", n=200, classes="3 vs 8"), load_data(config), load_data("run.toml").
    """
    return Dataset._of(_core.load_data(core_config(config, keys)))


def core_config(config, keys: Dict[str, Any]):
    """The library's configuration from an object, a file or nothing, and keys that change it."""
    if config is None:
        config = _config.Config()
    if isinstance(config, _config.Config):
        return _config.to_core(config.with_keys(**keys))
    return _core.read_config(os.fspath(config), _config.assignments(keys))


class Inspection(Dict[str, Any]):
    """What `latetime inspect --json` prints, entries also as attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __repr__(self) -> str:
        return "\n".join(f"{key:<28}{value}" for key, value in self.items())


def inspect(target=None, y=None, /, **keys) -> Inspection:
    """How nearly orthogonal samples are and, for a configuration, what it would run.

    target: a Config, a .toml file, a Dataset, an array X (n, d) (with labels y: as a run of it), or a file of samples
    (.npy, .npz:name, .csv, .h5:/path). `keys` change the configuration.

    R_min, R_max: smallest and largest norm; R = R_max / R_min; p: largest |<x_i, x_k>|; further
    n_p_over_R_min_squared, smallest_eigenvalue_of_G, linearly_independent; and for a
    configuration origin, classes, engine, last_step, records, neurons.
    """
    if isinstance(target, (str, os.PathLike)) and not os.fspath(target).endswith(".toml"):
        return Inspection(_core.inspect_array(_core.read_array(os.fspath(target))))
    config, data = split_source(target, y)
    if data is None and target is not None and not isinstance(target, (_config.Config, str, os.PathLike)):
        return Inspection(_core.inspect_array(np.asarray(target)))
    if isinstance(target, Dataset) and not keys:
        return Inspection(_core.inspect_array(target.X))
    return Inspection(make_problem(config, keys, data).inspect())


def split_source(source, y) -> Tuple[Any, Optional[Dataset]]:
    """(configuration or None, Dataset or None) of what a user calls a source."""
    if isinstance(source, Dataset):
        return None, source
    if y is not None:
        return None, Dataset(source, y)
    return source, None


def make_problem(config, keys: Dict[str, Any], data: Optional[Dataset] = None, W0=None):
    """What is run: a configuration, keys that change it, own samples and initial weights."""
    if W0 is not None:
        W0 = np.asarray(W0)
        if W0.ndim == 3 and "width" not in keys:
            keys = {**keys, "width": W0.shape[1]}
    if data is None:
        return _core.Problem(core_config(config, keys), None, W0)
    if config is None:
        config = _config.Config()
    elif not isinstance(config, _config.Config):
        config = _config.Config.read(config)
    # The run's own folder will hold the samples: the configuration names them there.
    own = _config.Data(source="file", x="result.h5:/data/x", y="result.h5:/data/y")
    config = dataclasses.replace(config, data=own).with_keys(**keys)
    return _core.Problem(_config.to_core(config), data._core, W0)
