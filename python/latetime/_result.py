"""What a run gives back."""

import difflib
import functools
import os
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Union

import numpy as np

from . import _config, _core
from ._checks import path_text
from ._limit import Limit, limit
from ._prove import Proof, prove
from ._names import answers_unknown_names, require_array

if TYPE_CHECKING:
    from ._sweep import Sweep
    from ._training import TrainingResult

_MEASURES_FILE = "measures.npz"
CAUSES = ("own_crosses", "other_meets", "leaves_upward", "leaves_downward")


class Spectra(NamedTuple):
    """Singular values at each record, descending: (R, ...) of W_{+1}, W_{-1}, both stacked."""

    pos: np.ndarray
    neg: np.ndarray
    all: np.ndarray


class Outcome(NamedTuple):
    """How a run ended: reason ("reached-end", "interrupted", "not-finite", "not-separated",
    "not-separated-so-far", "not-late", "flow-failed"), a line for people, and log10 of the time reached (None: the start)."""

    reason: str
    message: str
    log10_t: Optional[float]


class Run:
    """A run with all that was recorded. Arrays are read-only views, without copies.

    t: (R,) log10 of the time in steps; NaN at t = 0
    step, log_loss, min_margin, normalized_margin, stable_rank_pos, stable_rank_neg, stable_rank_all,
    ...: (R,), every column of metrics.csv (`columns` lists them), NaN where it is empty there
    engine: list of R names; spectra: Spectra; active_own, rho_own_mean, rho_other_mean: (R, n)
    coefficients: (R, 2, m, n), kept up to 64 MiB
    rho: (2, m, n) at the last record, rho_history: (R, 2, m, n)
    last_switch_record: (2, m, n), or None where switches are not counted
    weights, initial_weights: (2, m, d); preactivations: (2, m, n); X: (n, d); y, clean_y: (n,); X_test, y_test
    limit: Limit, or None for a run that did not reach late time (`latetime.limit` tries one)
    proof: Proof, what is proved about it, found when it is first asked for
    events: structured array of what the late-time flow met
    Columns of user-supplied measures: `measures`, and attributes of their names.
    """

    def __init__(self, memory, measures: Optional[Dict[str, np.ndarray]] = None):
        self._memory = memory
        self.measures = dict(measures or {})

    # ---- arrays by name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self.measures:
            return self.measures[name]
        try:
            return self._memory.get(f"/records/{name}")
        except ValueError:
            known = self.columns + list(self.measures) + self._record_arrays()
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise AttributeError(f"a run has no {name}{hint}") from None

    def __getitem__(self, name: str) -> np.ndarray:
        """A column, or any array of result.h5 by its path: run["log_loss"], run["/final/weights"]."""
        if name.startswith("/"):
            require_array(name, self.names(), "a run")
            return self._memory.get(name)
        try:
            return getattr(self, name)
        except AttributeError as error:
            raise KeyError(str(error)) from None

    def __len__(self) -> int:
        """Number of records."""
        return len(self._memory.get("/records/engine"))

    def __dir__(self) -> List[str]:
        return sorted({*super().__dir__(), *self.columns, *self._record_arrays(), *self.measures})

    def _record_arrays(self) -> List[str]:
        return [name[len("/records/") :] for name in self.names() if name.startswith("/records/")]

    def names(self) -> List[str]:
        """Paths of all arrays and texts of result.h5."""
        return self._memory.names()

    @property
    def columns(self) -> List[str]:
        """Names of the columns of metrics.csv."""
        return self._memory.columns

    @property
    def t(self) -> np.ndarray:
        """(R,) log10 of the time in steps; NaN at the start."""
        return self._memory.get("/records/log10_t")

    @property
    def spectra(self) -> Spectra:
        return Spectra(*(self._memory.get(f"/records/singular_values_{part}") for part in Spectra._fields))

    # ---- the last state, the start, the data

    @property
    def weights(self) -> np.ndarray:
        """(2, m, d) at the last state."""
        return self._memory.get("/final/weights")

    @property
    def preactivations(self) -> np.ndarray:
        """(2, m, n) at the last state: <w_k, x_i>."""
        return self._memory.get("/final/preactivations")

    @property
    def rho(self) -> np.ndarray:
        """(2, m, n) data-correlated coefficients rho at the last state (Definition 5.1)."""
        return self._memory.get("/final/rho")

    @property
    def last_switch_record(self) -> Optional[np.ndarray]:
        """(2, m, n) number of the first record after each pair's last switch, 0 where there was none.

        None where switches are not counted (method "sgd": a step does not see every pair).
        """
        path = "/final/last_switch_record"
        return self._memory.get(path) if path in self.names() and self.config.descent.method != "sgd" else None

    @property
    def rho_history(self) -> np.ndarray:
        """(R, 2, m, n) data-correlated coefficients at each record: a new array."""
        return self.coefficients * np.sum(self.X**2, axis=1)

    @property
    def initial_weights(self) -> np.ndarray:
        """(2, m, d)."""
        return self._memory.get("/network/initial_weights")

    @property
    def X(self) -> np.ndarray:
        """(n, d) samples."""
        return self._memory.get("/data/x")

    @property
    def y(self) -> np.ndarray:
        """(n,) labels +1.0 and -1.0, those that were trained on."""
        return self._memory.get("/data/y")

    @property
    def clean_y(self) -> np.ndarray:
        """(n,) labels before label noise flipped some; y, where there is none."""
        return self._memory.get("/data/clean_y" if "/data/clean_y" in self.names() else "/data/y")

    def _of_test(self, path: str) -> np.ndarray:
        if path not in self.names():
            raise ValueError("run: has no test samples; run with test_n=1000, or X_test= and y_test=")
        return self._memory.get(path)

    @property
    def X_test(self) -> np.ndarray:
        """(test samples, d); ValueError where the run has none."""
        return self._of_test("/data/test_x")

    @property
    def y_test(self) -> np.ndarray:
        """(test samples,) their labels, without noise."""
        return self._of_test("/data/test_y")

    # ---- what came of it

    @property
    def outcome(self) -> Outcome:
        log10_t = float(self._memory.get("/outcome/log10_t")[0])
        return Outcome(
            self._memory.get("/outcome/reason"),
            self._memory.get("/outcome/message"),
            None if np.isnan(log10_t) else log10_t,
        )

    @functools.cached_property
    def limit(self) -> Optional[Limit]:
        """The limit t = infinity that the run found."""
        return limit(self) if "/limit/status" in self.names() else None

    @functools.cached_property
    def proof(self) -> Proof:
        """What is proved about the run, as `latetime.prove` finds it: proved when this is first asked for."""
        return prove(self)

    @property
    def verdicts(self) -> np.ndarray:
        """(2, m, n) activation verdicts, numbers of latetime.Verdict; tries a limit where none is stored."""
        return (self.limit or limit(self)).verdicts

    @property
    def events(self) -> np.ndarray:
        """What the late-time flow met, in order: log10_t, class (0: +1, 1: -1), neuron, sample, cause, decided.

        cause: own_crosses, other_meets, leaves_upward, leaves_downward.
        """
        names = ("log10_t", "class", "neuron", "sample", "cause", "decided")
        types = ("f8", "u1", "u8", "u8", "U15", "?")
        found = "/events/log10_t" in self.names()
        columns = {name: self._memory.get(f"/events/{name}") if found else [] for name in names}
        columns["cause"] = [CAUSES[code] for code in columns["cause"]]
        events = np.zeros(len(columns["log10_t"]), dtype=list(zip(names, types)))
        for name in names:
            events[name] = columns[name]
        return events

    @property
    def config(self) -> _config.Config:
        """The complete configuration."""
        return _config.from_core(_core.parse_config(self._memory.config, "run"))

    # ---- elsewhere

    def to_dataframe(self):
        """A pandas DataFrame: a row a record, the columns of metrics.csv and scalar measures."""
        import pandas

        columns = {name: self._memory.get(f"/records/{name}") for name in self.columns}
        columns.update({name: values for name, values in self.measures.items() if values.ndim == 1})
        return pandas.DataFrame(columns)

    def save(self, path) -> None:
        """Writes the folder that `latetime run --out` writes; measures go into measures.npz beside.

        Raises ValueError when the folder holds a run already.
        """
        folder = path_text(path, "path")
        with _core.HeldFolder(folder):
            self._memory.save(folder)
            if self.measures:
                np.savez(os.path.join(folder, _MEASURES_FILE), **self.measures)

    @answers_unknown_names
    def resume(self, until=None, *, threads=None, progress=None, observer=None, measures=None) -> "Run":
        """Goes on from the end, to a later time: a new Run with all records, old and new.

        measures: of the same names as this run's.
        """
        from ._run import resume_run

        return resume_run(self, until, threads=threads, progress=progress, observer=observer, measures=measures)

    def __deepcopy__(self, memo) -> "Run":
        return type(self)(self._memory.copy(), {name: values.copy() for name, values in self.measures.items()})

    def __copy__(self) -> "Run":
        return type(self)(self._memory, self.measures)

    def __reduce_ex__(self, protocol):
        raise TypeError("a Run is not pickled; write run.save(folder), and read lt.load(folder)")

    def __repr__(self) -> str:
        config = self.config
        n, d = self.X.shape
        reason, message, log10_t = self.outcome
        reached = "t = 0" if log10_t is None else f"t = 10^{log10_t:.4g}"
        lines = [
            f"Run(n={n}, d={d}, m={config.network.width}, slope={config.network.slope:g}, "
            f"seed={config.seed}): {len(self)} records to {reached}, {reason}"
        ]
        if message:
            lines.append(f"  {message}")
        if len(self):
            parts, named = ["pos", "neg"], "W+, W-, W"
            if len(self.weights) > 2:
                parts, named = [str(k) for k in range(len(self.weights))], "W0, ..., W"
            ranks = ", ".join(f"{self[f'stable_rank_{part}'][-1]:.6g}" for part in [*parts, "all"])
            lines.append(f"  stable rank {named}: {ranks}")
            lines.append(f"  log loss {self.log_loss[-1]:.6g}, engine {self.engine[-1]}")
        if self.limit:
            lines.append(f"  {self.limit!r}")
        return "\n".join(lines)


def load_run(path) -> Run:
    """See load."""
    path = os.fspath(path)
    memory = _core.read_run(path)
    if not memory.names():
        raise ValueError(
            f"{os.path.join(path, 'result.h5')}: is missing: the run was stopped before its first "
            "record; use run --resume"
        )
    extra = os.path.join(path, _MEASURES_FILE)
    measures = dict(np.load(extra)) if os.path.exists(extra) else {}
    return Run(memory, measures)


@answers_unknown_names
def load(path) -> Union[Run, "TrainingResult", "Sweep"]:
    """The Run of a folder that `latetime run` or `Run.save` wrote; of `latetime train`, a TrainingResult; of `latetime
    sweep`, a Sweep.

    Raises ValueError when there is none, and for damaged files.
    """
    from ._sweep import load_sweep
    from ._training import TrainingResult, holds_training

    folder = path_text(path, "path", "the folder of a run")
    if _core.holds_sweep(folder):
        return load_sweep(folder)
    if holds_training(folder):
        return TrainingResult(_core.read_training(folder))
    return load_run(folder)
