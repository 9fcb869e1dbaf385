"""Latetime: gradient descent on two-layer (leaky) ReLU networks, followed to t = 10^100 and to its limit.

    import latetime as lt
    run = lt.run(X, y, width=50, slope=0.0, until="1e100", seed=1)
    run.t, run.stable_rank_pos          # log10 of the time, stable rank of W_{+1}: one entry a record
    run.limit.stable_rank               # at t = infinity
    lt.sweep(axes={"slope": [0, 0.1], "seed": range(5)}).to_xarray()    # many runs, labelled arrays

Everything that `latetime run CONFIG.toml` reads has the same name and default here: `lt.Config`,
`lt.Data`, `lt.Network`, `lt.Descent`, `lt.Record`. Bad input raises `ValueError` with the text of the
command line. Figures are in `latetime.figures` (needs matplotlib).

Shapes: n samples of dimension d, m neurons a class, R records. Arrays (2, m, ...) are ordered by class:
[0] is +1, [1] is -1. Time is in gradient steps.
"""

from . import _requirements

_requirements.load_core(__name__, __path__[0])
_requirements.provide_numpy()
_requirements.check_numpy()

from ._check import Claim, Claims, check
from ._config import Config, Data, Descent, Network, Record, fields
from ._core import version as __version__
from ._data import Dataset, Inspection, batch_order, inspect, load_data
from ._limit import LeastNorm, Limit, Verdict, least_norm, limit
from ._prove import Enclosures, Proof, prove
from ._reproduce import reproduce
from ._result import Run, load
from ._run import Interrupted, run
from ._sweep import Sweep, sweep
from ._train import train
from ._training import TrainingResult

__all__ = [
    "Claim",
    "Claims",
    "Config",
    "Data",
    "Dataset",
    "Descent",
    "Enclosures",
    "Inspection",
    "Interrupted",
    "LeastNorm",
    "Limit",
    "Network",
    "Proof",
    "Record",
    "Run",
    "Sweep",
    "TrainingResult",
    "Verdict",
    "__version__",
    "batch_order",
    "check",
    "fields",
    "inspect",
    "least_norm",
    "limit",
    "load",
    "load_data",
    "prove",
    "reproduce",
    "run",
    "sweep",
    "train",
]
