"""The limit t = infinity of a run."""

import enum
import os
from typing import Any, Dict, NamedTuple, Union

import numpy as np

from . import _core


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


class Limit:
    """W(t) = V log t + ...: V solves the KKT conditions of min |V|^2 / 2 with all margins >= 1.

    status: "found"; "not-separated", "pattern-moves", "not-solved" with a `message`; "none" where no limit could be
    tried. `has_direction` says whether the arrays below exist; reading them without is a ValueError.

    stable_rank, stable_rank_excess: of V_{+1}, V_{-1}, V (Parts)
    multipliers, margins, support: (n,)
    coefficients, slopes, verdicts: (2, m, n), V = coefficients @ X; verdicts are numbers of Verdict
    pairs: verdicts counted, {"own": {...}, "other": {...}}; switching_share: of other-class pairs
    normalized_margin, kkt_residual, strictness, settled, log10_followed: numbers
    linear: dict, the limit beside the linear classifier of largest margin
    """

    def __init__(self, core):
        self._core = core

    status: str = property(lambda self: self._core.status)
    message: str = property(lambda self: self._core.message)
    has_direction: bool = property(lambda self: self._core.has_direction)
    stored: bool = property(lambda self: self._core.stored)
    settled: bool = property(lambda self: self._core.settled)
    log10_followed: float = property(lambda self: self._core.log10_followed)

    def _of_direction(self, name: str) -> Any:
        if not self.has_direction:
            raise ValueError(f"limit: no {name}, the limit is {self.status}: {self.message}")
        return getattr(self._core, name)

    stable_rank: Parts = property(lambda self: Parts(*self._of_direction("stable_rank")))
    stable_rank_excess: Parts = property(lambda self: Parts(*self._of_direction("stable_rank_excess")))
    normalized_margin: float = property(lambda self: self._of_direction("normalized_margin"))
    kkt_residual: float = property(lambda self: self._of_direction("kkt_residual"))
    strictness: float = property(lambda self: self._of_direction("strictness"))
    multipliers: np.ndarray = property(lambda self: self._of_direction("multipliers"))
    margins: np.ndarray = property(lambda self: self._of_direction("margins"))
    support: np.ndarray = property(lambda self: self._of_direction("support"))
    coefficients: np.ndarray = property(lambda self: self._of_direction("coefficients"))
    slopes: np.ndarray = property(lambda self: self._of_direction("slopes"))
    verdicts: np.ndarray = property(lambda self: self._of_direction("verdicts"))
    pairs: Dict[str, Dict[str, int]] = property(lambda self: self._of_direction("pairs"))
    switching_share: float = property(lambda self: self._of_direction("switching_share"))
    linear: Dict[str, Any] = property(lambda self: self._of_direction("linear"))

    @property
    def ray(self) -> np.ndarray:
        """(n,) >= 0, of a limit that is "not-separated": its positive entries are to blame."""
        return self._core.ray

    def __repr__(self) -> str:
        if not self.has_direction:
            return f"Limit({self.status}: {self.message})"
        ranks = ", ".join(f"{rank:.6g}" for rank in self.stable_rank)
        share = 100 * self.switching_share
        return (
            f"Limit({self.status}: stable rank W+, W-, W {ranks}; "
            f"{int(self.support.sum())} of {len(self.support)} samples support it; "
            f"{share:.3g} % of the other-class pairs switch for ever)"
        )


def limit(run: Union["Run", str, os.PathLike]) -> Limit:  # noqa: F821
    """The limit of a Run, or of the folder of one.

    A run that reached late time has stored it; any other one's last state is taken for a late one.
    """
    if isinstance(run, (str, os.PathLike)):
        memory, origin = _core.read_run(os.fspath(run)), os.path.join(os.fspath(run), "result.h5")
    else:
        memory, origin = run._memory, "run"
    return Limit(_core.limit_of(memory, origin))
