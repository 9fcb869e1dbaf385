"""The limit t = infinity of a run."""

import enum
import os
from typing import TYPE_CHECKING, Any, Dict, NamedTuple, Optional, Union

import numpy as np

from . import _core
from ._checks import kind_of, real_number, whole_number
from ._names import answers_unknown_names

if TYPE_CHECKING:
    from ._result import Run


class Verdict(enum.IntEnum):
    """What becomes of the activation of one (neuron, sample) pair as t goes to infinity."""

    INACTIVE = 0
    ACTIVE = 1
    SWITCHES = 2
    UNDECIDED = 3


class Parts(NamedTuple):
    """A number of W_{+1}, of W_{-1}, and of both stacked."""

    pos: float
    neg: float
    all: float


class ClassParts(tuple):
    """A number of W_0, ..., W_{K-1} and of all stacked, of three classes and more."""

    @property
    def all(self) -> float:
        """Of all stacked."""
        return self[-1]


class Limit:
    """W(t) = V log t + ...: V solves the KKT conditions of min |V|^2 / 2 with all margins >= 1.

    Arrays are read-only views; (2, m, n) ones are ordered by class +1, -1. Of K >= 3 classes they are (K, m, n), and
    margins f_y - f_k, their multipliers and the support (n, K-1), one for each other class k, ascending; errors,
    linear and optimality are None.
    """

    def __init__(self, core: _core.Limit):
        self._core = core

    def _of_direction(self, name: str) -> Any:
        if not self.has_direction:
            raise ValueError(f"limit: no {name}, the limit is {self.status}: {self.message}")
        return getattr(self._core, name)

    @property
    def status(self) -> str:
        """One of "found", "not-separated", "not-separated-so-far", "pattern-moves", "not-solved", or "none" where no limit could be tried."""
        return self._core.status

    @property
    def message(self) -> str:
        """One line for people when the status is not "found"."""
        return self._core.message

    @property
    def has_direction(self) -> bool:
        """Whether there is a V; what speaks of it raises ValueError where there is none."""
        return self._core.has_direction

    @property
    def stored(self) -> bool:
        """Whether the run had stored it."""
        return self._core.stored

    @property
    def settled(self) -> bool:
        """Whether the run had come to these multipliers when it was last followed."""
        return self._core.settled

    @property
    def log10_followed(self) -> float:
        """log10 of the time until which the flow was followed."""
        return self._core.log10_followed

    @property
    def stable_rank(self) -> Union[Parts, ClassParts]:
        """Stable ranks of V_{+1}, V_{-1}, V (or V_0, ..., V_{K-1}, V); NaN for a class that stays behind (V_j = 0)."""
        return self._parts("stable_rank")

    @property
    def stable_rank_excess(self) -> Union[Parts, ClassParts]:
        """The same without the 1, with all their digits."""
        return self._parts("stable_rank_excess")

    def _parts(self, name: str) -> Union[Parts, ClassParts]:
        values = self._of_direction(name)
        return Parts(*values) if len(values) == 3 else ClassParts(values)

    @property
    def collapse(self) -> Optional[Dict[str, float]]:
        """Neural-collapse measures of V (docs/classes.md): within_class, class_cosine_min, class_cosine_max, class_duality_min.

        None of two classes.
        """
        return self._of_direction("collapse")

    @property
    def normalized_margin(self) -> float:
        """min_i margins_i / |V|."""
        return self._of_direction("normalized_margin")

    @property
    def kkt_residual(self) -> float:
        """Largest violation of the KKT conditions, relative."""
        return self._of_direction("kkt_residual")

    @property
    def strictness(self) -> float:
        """Least relative distance of a decided pair from undecided."""
        return self._of_direction("strictness")

    @property
    def multipliers(self) -> np.ndarray:
        """(n,) lambda_i = lim t g_i >= 0."""
        return self._of_direction("multipliers")

    @property
    def margins(self) -> np.ndarray:
        """(n,) y_i f(V; x_i): 1 on the support, larger elsewhere."""
        return self._of_direction("margins")

    @property
    def support(self) -> np.ndarray:
        """(n,) bool: multiplier above 0."""
        return self._of_direction("support")

    @property
    def coefficients(self) -> np.ndarray:
        """(2, m, n) with V = coefficients @ X."""
        return self._of_direction("coefficients")

    @property
    def slopes(self) -> np.ndarray:
        """(2, m, n) effective slopes of the activations, in [slope, 1]."""
        return self._of_direction("slopes")

    @property
    def verdicts(self) -> np.ndarray:
        """(2, m, n) numbers of Verdict."""
        return self._of_direction("verdicts")

    @property
    def pairs(self) -> Dict[str, Dict[str, int]]:
        """Verdicts counted: {"own": {...}, "other": {...}}."""
        return self._of_direction("pairs")

    @property
    def switching_share(self) -> float:
        """Share of the other-class pairs that switch for ever."""
        return self._of_direction("switching_share")

    @property
    def linear(self) -> Optional[Dict[str, Any]]:
        """None of three classes and more; the limit beside the linear classifier of largest margin, as `latetime limit --json` names it."""
        return self._of_direction("linear")

    @property
    def errors(self) -> Optional[Dict[str, Any]]:
        """Errors of f with the weights V, as `latetime limit --json` names them; None of runs that measure none."""
        return self._of_direction("errors")

    @property
    def optimality(self) -> Optional[Dict[str, Any]]:
        """How far V is from the least norm of all weights with margins >= 1, and whether it is a local minimum.

        As `latetime limit --json` names it (docs/optimality.md), and "better", "better_nearby": (2, m, n) coefficients
        of better weights, or None. None where no limit was found.
        """
        return self._of_direction("optimality")

    def _error(self, name: str) -> float:
        return float("nan") if self.errors is None else self.errors.get(name, float("nan"))

    @property
    def test_error(self) -> float:
        """Share of the test samples that V misses, f = 0 included; NaN where there are none."""
        return self._error("test_error")

    @property
    def population_error(self) -> float:
        """Probability that V misses a new sample of the Gaussian mixture; NaN of other sources."""
        return self._error("population_error")

    @property
    def ray(self) -> np.ndarray:
        """(n,) >= 0, of a limit that is "not-separated" (or so far): its positive entries are to blame."""
        return self._core.ray

    def __copy__(self) -> "Limit":
        return type(self)(self._core)

    def __deepcopy__(self, memo) -> "Limit":
        return type(self)(self._core)  # nothing of it can change

    def __reduce_ex__(self, protocol):
        raise TypeError("a Limit is not pickled; write run.save(folder), and read lt.load(folder).limit")

    def __repr__(self) -> str:
        if not self.has_direction:
            return f"Limit({self.status}: {self.message})"
        ranks = ", ".join(f"{rank:.6g}" for rank in self.stable_rank)
        share = 100 * self.switching_share
        return (
            f"Limit({self.status}: stable rank {'W+, W-, W' if self.support.ndim == 1 else 'W0, ..., W'} {ranks}; "
            f"{int(self.support.sum())} of {self.support.size} {'samples' if self.support.ndim == 1 else 'margins'} support it; "
            f"{share:.3g} % of the other-class pairs switch for ever)"
        )


@answers_unknown_names
def limit(run: Union["Run", str, os.PathLike], *, effort: Optional[float] = None) -> Limit:
    """The limit of a Run, or of the folder of one.

    effort: how much is searched for the least norm (Limit.optimality), times the default; 0: a first look. None: what the
        run stored, the default where it stored none.

    A run that reached late time has stored it; any other one's last state is taken for a late one. Raises TypeError for
    what is no run, ValueError for the folder of a training.
    """
    require_run("limit", run)
    if effort is not None:
        effort = checked_effort(effort)
    if isinstance(run, (str, os.PathLike)):
        memory, origin = _core.read_run(os.fspath(run)), os.path.join(os.fspath(run), "result.h5")
    else:
        memory, origin = run._memory, "run"
    return Limit(_core.limit_of(memory, origin, effort))


class LeastNorm(NamedTuple):
    """Proved bounds of the least |V|^2/2 over all weights with margins >= 1; see least_norm."""

    lower: float  # not above the optimum, rounding included
    upper: float  # not below it: of `coefficients`; inf where no feasible weights were found
    coefficients: Optional[np.ndarray]  # (2, m, n), V = coefficients @ X is feasible; or None
    multipliers: np.ndarray  # (n,) dual multipliers behind `lower`
    every_slope: bool  # `lower` is of all slopes one by one, not of networks of any width
    complete: bool  # no activation pattern was left out of the search behind `lower`


@answers_unknown_names
def least_norm(X, y=None, *, width: int, slope: float = 0.0, positive=None, effort: float = 1.0) -> LeastNorm:
    """Bounds of the least |V|^2/2 over the weights of a network with all margins y_i f(V; x_i) >= 1.

    X: samples (n, d) with labels y, as for lt.run, or a Dataset. width: m neurons a class; slope: of the leaky ReLU.
    effort: how much is searched, times the default. The problem that a run's limit is a KKT point of, by itself: see
    docs/optimality.md. Raises ValueError for samples of norm 0 or of norms outside 1e-50 to 1e50.
    """
    from ._data import Dataset, _core_dataset

    width = whole_number(width, "width", least=1)
    slope = real_number(slope, "slope")
    effort = checked_effort(effort)
    if not 0.0 <= slope <= 1.0:
        raise ValueError(f"slope: {slope} is outside [0, 1]; choose one inside")
    if isinstance(X, Dataset):
        if y is not None:
            raise TypeError("least_norm: a Dataset has its labels; leave y out")
        data = X._core
    else:
        data = _core_dataset(X, y, positive, "least_norm")
    found = _core.least_norm(data, width, slope, effort)
    return LeastNorm(**{name: found[name] for name in LeastNorm._fields})


def checked_effort(effort: Any) -> float:
    effort = real_number(effort, "effort")
    if not 0.0 <= effort <= 1e6:
        raise ValueError(f"effort: {effort} is outside [0, 1e6]; 1 is the default search, 0 a first look")
    return effort


def require_run(function: str, target: Any) -> None:
    """Raises TypeError for samples and other things in the place of a run, ValueError for a training."""
    from ._training import TrainingResult, holds_training, refuse_training

    if isinstance(target, TrainingResult):
        refuse_training(function, "training")
    if isinstance(target, (str, os.PathLike)):
        if holds_training(target):
            refuse_training(function, os.fspath(target))
        return
    if hasattr(target, "_memory"):
        return
    mend = "for samples write" if hasattr(target, "shape") or isinstance(target, (list, tuple)) else "give a run:"
    raise TypeError(f"{function}: is of a run, not of {kind_of(target)}; {mend} lt.{function}(lt.run(X, y))")
