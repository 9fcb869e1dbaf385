"""What a training gives back."""

import difflib
import os
from typing import Any, List, NoReturn, Optional

import numpy as np

from . import _config, _core
from ._checks import path_text
from ._names import answers_unknown_names, require_array
from ._result import Outcome

_TEXT_COLUMNS = ("engine", "group_stable_ranks")


class TrainingResult:
    """A training by `lt.train` or `latetime train`, with all that was recorded. Arrays are read-only, R records.

    t: (R,) log10 of the time in steps; NaN at the start
    epoch, step, log_loss, train_error, test_loss, test_error, running_loss, stable_rank_all, ...: (R,), every
    column of metrics.csv (`columns` lists them), NaN where it is empty there
    engine: list of R names; group_stable_ranks: (R, groups)
    weights: (groups, m, d) at the last state stored; output_weights: (K, m) and output_bias: (K,) of a trained output
    layer, None of fixed ones
    outcome, config, to_dataframe(): as of a Run

    It holds neither samples nor the state of every (neuron, sample) pair: claims and limits are of runs.
    """

    def __init__(self, memory, problem=None):
        self._memory = memory
        self._problem = problem  # None: what the configuration names

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self.columns:
            return self._column(name)
        near = difflib.get_close_matches(name, [*self.columns, "weights", "output_weights", "config"], n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise AttributeError(f"a training has no {name}{hint}")

    def __getitem__(self, name: str) -> Any:
        """A column, or any array of result.h5 by its path: training["test_error"], training["/final/weights"]."""
        if name.startswith("/"):
            require_array(name, self.names(), "a training")
            return self._memory.get(name)
        try:
            return getattr(self, name)
        except AttributeError as error:
            raise KeyError(str(error)) from None

    def _column(self, name: str) -> Any:
        texts = self._memory.column(name)
        if name == "engine":
            return texts
        if name == "group_stable_ranks":
            values = np.array([[float(part) for part in text.split()] for text in texts], dtype=float)
        else:
            values = np.array([float(text) if text else np.nan for text in texts], dtype=float)
        values.setflags(write=False)
        return values

    def __len__(self) -> int:
        """Number of records."""
        return len(self._memory.column("step"))

    def __dir__(self) -> List[str]:
        return sorted({*super().__dir__(), *self.columns})

    @property
    def columns(self) -> List[str]:
        """Names of the columns of metrics.csv."""
        return self._memory.columns

    def names(self) -> List[str]:
        """Paths of all arrays and texts of result.h5."""
        return self._memory.names()

    @property
    def t(self) -> np.ndarray:
        """(R,) log10 of the time in steps; NaN at the start."""
        return self._column("log10_t")

    def _array(self, name: str) -> Optional[np.ndarray]:
        return self._memory.get(name) if name in self.names() else None

    @property
    def weights(self) -> Optional[np.ndarray]:
        """(groups, m, d) hidden weights; None when the training was stopped before it stored any."""
        return self._array("/final/weights")

    @property
    def output_weights(self) -> Optional[np.ndarray]:
        """(K, m) of a trained output layer."""
        return self._array("/final/output_weights")

    @property
    def output_bias(self) -> Optional[np.ndarray]:
        """(K,) of a trained output layer."""
        return self._array("/final/output_bias")

    @property
    def outcome(self) -> Outcome:
        if "/outcome/reason" not in self.names():
            return Outcome("interrupted", "stopped before its first result; go on with latetime train --resume", None)
        step = int(self._memory.get("/training/step")[0])
        reached = float(np.log10(step)) if step > 0 else None
        return Outcome(self._memory.get("/outcome/reason"), self._memory.get("/outcome/message"), reached)

    @property
    def config(self) -> _config.Config:
        """The complete configuration."""
        return _config.from_core(_core.parse_config(self._memory.config, "training"))

    def to_dataframe(self):
        """A pandas DataFrame: a row a record, the columns of metrics.csv."""
        import pandas

        texts = {name: self._memory.column(name) for name in _TEXT_COLUMNS}
        return pandas.DataFrame({name: texts.get(name) or self._column(name) for name in self.columns})

    def save(self, path) -> None:
        """Writes the folder that `latetime train --out` writes. Raises ValueError when it holds one already."""
        folder = path_text(path, "path")
        with _core.HeldFolder(folder):
            self._memory.save(folder)

    @answers_unknown_names
    def resume(self, until=None, *, epochs=None, threads=None, progress=None) -> "TrainingResult":
        """Goes on from the last record, to a later end in steps or epochs if one is given: a new TrainingResult.

        Of a folder that was loaded, the samples are those that its configuration names; where they were arrays, give
        them again, lt.train(X, y, ..., out=folder, resume=True). Raises ValueError for other samples and earlier ends.
        """
        from ._train import resume_training

        return resume_training(self, until, epochs, threads, progress)

    def __copy__(self) -> "TrainingResult":
        return type(self)(self._memory, self._problem)

    def __deepcopy__(self, memo) -> "TrainingResult":
        return type(self)(self._memory.copy(), self._problem)

    def __reduce_ex__(self, protocol):
        raise TypeError("a TrainingResult is not pickled; write training.save(folder), and read lt.load(folder)")

    def __repr__(self) -> str:
        config = self.config
        lines = [
            f"TrainingResult({config.data.source}, head={config.network.head}, m={config.network.width}, "
            f"slope={config.network.slope:g}, seed={config.seed}): {len(self)} records, {self.outcome.reason}"
        ]
        if self.outcome.message:
            lines.append(f"  {self.outcome.message}")
        if len(self):
            lines.append(f"  step {self.step[-1]:.0f}, epoch {self.epoch[-1]:.4g}, stable rank W {self.stable_rank_all[-1]:.6g}")
            tested = "" if np.isnan(self.test_error[-1]) else f", test error {self.test_error[-1]:.4g}"
            lines.append(f"  training error {self.train_error[-1]:.4g}{tested}")
        return "\n".join(lines)


def holds_training(path) -> bool:
    """Whether this is the folder of `latetime train`."""
    return _core.holds_training(os.fspath(path))


def refuse_training(function: str, where: str) -> NoReturn:
    raise ValueError(
        f"{where}: holds a training of latetime train, without the state of every pair; lt.{function} looks at runs: "
        "lt.run(...), or a folder of latetime run (lt.load reads trainings)"
    )
