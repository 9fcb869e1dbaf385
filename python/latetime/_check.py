"""The claims of the paper on a run."""

import json
import os
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Union

from . import _config, _core
from ._checks import real_number, thread_count, whole_number
from ._limit import require_run
from ._names import answers_unknown_names

if TYPE_CHECKING:
    from ._config import Config
    from ._result import Run


class Claim:
    """One theorem or lemma on one run.

    id, name, place (in the paper), group: which one. applies: False for another activation function.
    verdict: "Holds", "Fails", "Undecided" or "HypothesisUnmet"; conclusion_seen says what the conclusion
    does where the hypotheses are not met. proved: None, or what a theorem about the run says of the conclusion
    (conclusion: "holds" or "fails", from_step), where run.proof was asked for or `latetime prove` was there. hypotheses: dicts with name, statement, largest_constant
    (None where there is no constant), met. conclusion, criterion: in words. constant: what the conclusion needs.
    measured, figures: what was measured, with the neuron, sample and time of the extremes.
    """

    def __init__(self, fields: Dict[str, Any]):
        self._fields = fields

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_fields"][name]
        except KeyError:
            raise AttributeError(f"a claim has no {name}; it has {', '.join(self.__dict__.get('_fields', ()))}") from None

    def __dir__(self) -> List[str]:
        return [*super().__dir__(), *self._fields]

    def __repr__(self) -> str:
        return f"<Claim {self.id} {self.name}: {self.verdict}>"


class Claims:
    """All claims on one run; claims["5.4"] is one of them, iteration goes over those that apply."""

    def __init__(self, text: str):
        self.json: Dict[str, Any] = json.loads(text)
        self._claims = [Claim(fields) for fields in self.json["claims"]]

    @property
    def counts(self) -> Dict[str, int]:
        """Number of claims a verdict."""
        return self.json["counts"]

    def __getitem__(self, id: str) -> Claim:
        for claim in self._claims:
            if claim.id == id:
                return claim
        raise KeyError(f"no claim {id}; all are {', '.join(claim.id for claim in self._claims)}")

    def __iter__(self) -> Iterator[Claim]:
        return (claim for claim in self._claims if claim.applies)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        lines = [f"{claim.id:8}{claim.name:40}{claim.verdict}" for claim in self]
        return "\n".join([*lines, ", ".join(f"{count} {verdict}" for verdict, count in self.counts.items())])


@answers_unknown_names
def check(
    target: Union["Run", "Config", str, os.PathLike],
    *,
    steps: int = 50_000,
    delta: float = 0.05,
    large: float = 10.0,
    moderate: float = 100.0,
    threads: Optional[int] = None,
) -> Claims:
    """Checks every theorem and lemma of the paper on a run; what `latetime check` does.

    target: a Run, the folder of one, a Config, or the name of a configuration file; the last two are run
    in memory. steps: look at no more single steps than this. delta: failure probability of the
    statements on initial weights. large: a hypothesis counts as met when it holds with this C.
    moderate: constants of conclusions are accepted between 1/moderate and moderate.
    Raises ValueError with the text of the command line, TypeError for what is no run, KeyboardInterrupt at Ctrl-C.
    """
    bounds = (real_number(delta, "delta"), real_number(large, "large"), real_number(moderate, "moderate"))
    settings = (whole_number(steps, "steps"), *bounds, thread_count(threads))
    if isinstance(target, _config.Config):
        return Claims(_core.check_config(_config.to_core(target), "configuration", *settings))
    require_run("check", target)
    if isinstance(target, (str, os.PathLike)):
        path = os.fspath(target)
        if os.path.isdir(path):
            return Claims(_core.check_folder(path, *settings))
        return Claims(_core.check_config(_core.read_config(path, []), path, *settings))
    proof = vars(target).get("proof")  # what was proved of it is said of its claims
    proved = [(claim["id"], claim["conclusion"] == "holds", claim["from_step"]) for claim in proof.json["claims"]] if proof and proof.proved else []
    return Claims(_core.check_memory(target._memory, proved, *settings))
