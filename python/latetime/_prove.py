"""Theorems about a run, with certificates."""

import functools
import json
import os
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Union

import numpy as np

from . import _core
from ._checks import path_text, thread_count, whole_number
from ._limit import Parts, require_run
from ._names import answers_unknown_names

if TYPE_CHECKING:
    from ._result import Run


def _intervals(bounds: List[Optional[List[float]]]) -> np.ndarray:
    """(count, 2) lower and upper bounds; NaN where nothing is enclosed."""
    array = np.array([[np.nan, np.nan] if one is None else one for one in bounds], dtype=float).reshape(-1, 2)
    array.flags.writeable = False
    return array


def _parts(bounds: Dict[str, Optional[List[float]]]) -> Parts:
    return Parts(*(_intervals([bounds[part]])[0] for part in Parts._fields))


class Enclosures:
    """What the weights at recorded times t >= T are proved to be: lower and upper bounds, (times, 2) each.

    log_t: (times,) log t. norm: of |W_t|. log_loss: of the log of the training loss. stable_rank_pos,
    stable_rank_neg, stable_rank_all: NaN where the distance to the reference hides them.
    """

    def __init__(self, fields: Dict[str, Any]):
        self.log_t = np.array(fields["log_time"], dtype=float)
        self.norm = _intervals(fields["norm"])
        self.log_loss = _intervals(fields["log_loss"])
        self.stable_rank_pos = _intervals(fields["stable_rank_pos"])
        self.stable_rank_neg = _intervals(fields["stable_rank_neg"])
        self.stable_rank_all = _intervals(fields["stable_rank_all"])

    def __len__(self) -> int:
        return len(self.log_t)


class Proof:
    """What is proved about a run, in exact arithmetic, or why nothing is.

    proved: whether what the level asks for is. level: "A" (the limit) or "B" (the run from a step on).
    statements: the theorem in words. reason, remedy: why it is not proved, None where it is.
    certificate: its text, which tools/check_certificate.py checks; empty where nothing is proved.
    Bounds of numbers are pairs (lower, upper). What is not proved raises ValueError.
    """

    def __init__(self, text: str, certificate: str):
        self.json: Dict[str, Any] = json.loads(text)
        self.certificate = certificate
        self.proved: bool = self.json["proved"]
        self.level: str = self.json["level"]
        self.statements: List[str] = self.json["theorem"]
        open_end = self.json.get("not_proved") or {}
        self.reason: Optional[str] = open_end.get("reason")
        self.remedy: Optional[str] = open_end.get("remedy")

    def _limit(self, name: str) -> Any:
        if self.json["limit"] is None:
            raise ValueError(f"proof: no {name}, nothing is proved: {self.reason}")
        return self.json["limit"][name]

    def _run(self, name: str) -> Any:
        if self.json["run"] is None:
            why = self.reason or 'the proof is of the limit alone, level "A"'
            raise ValueError(f"proof: no {name}, nothing is proved about the run: {why}")
        return self.json["run"][name]

    # ---- the limit V

    @property
    def norm(self) -> np.ndarray:
        """(2,) bounds of |V|."""
        return _intervals([self._limit("norm")])[0]

    @property
    def normalized_margin(self) -> np.ndarray:
        """(2,) bounds of 1/|V|."""
        return _intervals([self._limit("normalized_margin")])[0]

    @property
    def stable_rank(self) -> Parts:
        """Bounds of the stable ranks of V_{+1}, V_{-1}, V; NaN for a class that stays behind (V_j = 0)."""
        return _parts(self._limit("stable_rank"))

    @property
    def spectral_norm(self) -> Parts:
        """Bounds of the spectral norms of V_{+1}, V_{-1}, V."""
        return _parts(self._limit("spectral_norm"))

    @property
    def loss_constant(self) -> np.ndarray:
        """(2,) bounds of lim log L + log t."""
        return _intervals([self._limit("loss_constant")])[0]

    @property
    def multipliers(self) -> np.ndarray:
        """(n, 2) bounds of lim t g_i."""
        return _intervals(self._limit("multipliers"))

    @property
    def margins(self) -> np.ndarray:
        """(n, 2) bounds of y_i f(V; x_i): exactly 1 on the support."""
        return _intervals(self._limit("margins"))

    @property
    def support(self) -> np.ndarray:
        """Numbers of the samples with a positive multiplier."""
        return np.array(self._limit("support"), dtype=int)

    @functools.cached_property
    def switching(self) -> np.ndarray:
        """Pairs that switch for ever: structured array of neuron (0 ... 2m - 1), sample, and bounds (2,) of slope and density.

        Of level B: each switches infinitely often, active at that natural density of steps.
        """
        fields = self._limit("switching")
        types = [("neuron", "i8"), ("sample", "i8"), ("slope", "f8", (2,)), ("density", "f8", (2,))]
        pairs = np.zeros(len(fields["neuron"]), dtype=types)
        for name in ("neuron", "sample"):
            pairs[name] = fields[name]
        for name in ("slope", "density"):
            pairs[name] = _intervals(fields[name])
        return pairs

    # ---- the run, level B

    @property
    def step(self) -> int:
        """T: what is said of the run holds for every step from here on."""
        return self._run("step")

    @property
    def radius(self) -> float:
        """|W_t - Z_t| is at most this for every t >= T, Z the reference curve."""
        return self._run("radius")

    @property
    def log_straight_from(self) -> float:
        """Z_t = V log t + Z_0 once log t is at least this."""
        return self._run("log_straight_from")

    @property
    def log_settled_from(self) -> Optional[float]:
        """All pairs that do not switch for ever keep their sign once log t is at least this; None where one need not."""
        return self._run("log_settled_from")

    @property
    def tube(self) -> np.ndarray:
        """(pieces, 2): log t from which on |W_t - Z_t| is at most the radius beside it."""
        fields = self._run("tube")
        return np.stack([fields["log_time"], fields["radius"]], axis=1)

    @functools.cached_property
    def enclosures(self) -> Enclosures:
        """Loss, norm and stable ranks at recorded times, proved."""
        return Enclosures(self._run("enclosures"))

    # ---- elsewhere

    def save(self, path: Union[str, os.PathLike]) -> None:
        """Writes the certificate. Raises ValueError where nothing is proved."""
        if not self.certificate:
            raise ValueError(f"proof: no certificate to save, nothing is proved: {self.reason}")
        with open(path_text(path, "path", "the name of a file"), "w", encoding="ascii") as file:
            file.write(self.certificate)

    def __bool__(self) -> bool:
        return self.proved

    def __repr__(self) -> str:
        if self.proved:
            return "\n".join(["Proof(proved):", *(f"  {statement}" for statement in self.statements)])
        lines = [f"Proof(not proved: {self.reason}; {self.remedy})"]
        if self.statements:
            lines += ["of the limit is proved:", *(f"  {statement}" for statement in self.statements)]
        return "\n".join(lines)


@answers_unknown_names
def prove(
    run: Union["Run", str, os.PathLike],
    *,
    level: str = "B",
    step: Optional[int] = None,
    most_steps: int = 10**7,
    threads: Optional[int] = None,
) -> Proof:
    """Proves what becomes of a run, in exact arithmetic, with a certificate; what `latetime prove` does.

    run: a Run, or the folder of one (nothing there is changed). level: "A", the limit alone; "B", the run from its
    weights at a step T on. step: T; None: the first half decade that gives a proof, from 10^3 to most_steps. Exact
    steps to T are taken anew. A Proof that is not proved says why, and what of the limit is.
    Raises ValueError with the text of the command line, TypeError for what is no run, KeyboardInterrupt at Ctrl-C.
    """
    require_run("prove", run)
    levels = _core.proof_levels()
    if level not in levels:
        raise ValueError(f"level: is {level!r}; choose one of {', '.join(levels)}")
    settings = (
        0 if step is None else whole_number(step, "step", least=10, below=2**53),
        whole_number(most_steps, "most_steps", least=10, below=2**53),
        thread_count(threads),
    )
    if isinstance(run, (str, os.PathLike)):
        memory, origin = _core.read_run(os.fspath(run)), os.path.join(os.fspath(run), "result.h5")
    else:
        memory, origin = run._memory, "run"
    return Proof(*_core.prove(memory, origin, level, *settings))
