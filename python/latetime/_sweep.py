"""Many runs: maps over keys of the configuration and seeds."""

import concurrent.futures
import csv
import functools
import os
import tempfile
from typing import Any, Dict, List, Mapping, Optional, Sequence

import numpy as np

from . import _core
from ._checks import kind_of, path_text, thread_count
from ._config import Config, from_core, section_of, toml_lines, toml_value
from ._names import answers_unknown_names
from ._progress import Bar, wanted

_RANGE = ("from", "to", "step", "count", "log")


class Sweep:
    """A sweep that was made: what its folder holds.

    path: the folder; `points.csv` and `sweep.nc` in it are for other programs.
    axes: values by the names of dimensions, in order.
    outcomes: how many points ended how; those that are no "reached-end" have a reason in column "message".
    """

    def __init__(self, path: str, outcomes: Dict[str, int], temporary: Optional[tempfile.TemporaryDirectory] = None):
        self.path = path
        self.outcomes = outcomes
        self._temporary = temporary  # removed with this object
        with open(os.path.join(path, "sweep.toml"), encoding="utf-8") as file:
            self._plan = _core.SweepPlan(file.read(), os.path.join(path, "sweep.toml"), path)
        with open(os.path.join(path, "points.csv"), encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        self._columns = {name: _column([row[at] for row in rows]) for at, name in enumerate(header)}

    def __len__(self) -> int:
        return len(self._plan)

    def __repr__(self) -> str:
        axes = ", ".join(f"{name}: {len(values)}" for name, values in self.axes.items())
        ends = ", ".join(f"{count} {word}" for word, count in self.outcomes.items())
        return f"<Sweep of {len(self)} points ({axes}); {ends}>"

    @property
    def axes(self) -> Dict[str, np.ndarray]:
        return {
            axis["key"].rpartition(".")[2]: _column([_plain(value) for value in axis["values"]])
            for axis in self._plan.axes()
        }

    @property
    def columns(self) -> List[str]:
        """Names of the columns of points.csv: keys, outcome, quantities."""
        return list(self._columns)

    def __getitem__(self, name: str) -> np.ndarray:
        """A column, an entry a point: a quantity, or a key of the configuration ("network.slope", "slope")."""
        for column, values in self._columns.items():
            if name in (column, column.rpartition(".")[2]):
                return values
        raise KeyError(f"the sweep has no column {name}; did you mean {_core.nearest_name(name, self.columns)}?")

    def config(self, point: int) -> Config:
        """The configuration of a point: `lt.run(sweep.config(3))` makes it again."""
        return from_core(self._plan.config(point))

    def to_dataframe(self):
        """A pandas DataFrame: a row a point."""
        import pandas

        return pandas.DataFrame(self._columns)

    def to_xarray(self):
        """An xarray Dataset, in memory: a dimension an axis, a variable a quantity."""
        import xarray

        with xarray.open_dataset(os.path.join(self.path, "sweep.nc")) as data:
            return data.load()


def _plain(value: str) -> str:
    return value[1:-1] if value.startswith('"') else value


def _column(texts: Sequence[str]) -> np.ndarray:
    """Numbers where all are (an empty field is NaN), else texts."""
    for kind in (int, float):
        try:
            return np.array([kind(text) if text or kind is int else np.nan for text in texts])
        except (ValueError, OverflowError):
            continue
    return np.array(texts, dtype=object)


def load_sweep(folder: str) -> Sweep:
    if not os.path.exists(os.path.join(folder, "points.csv")):
        raise ValueError(
            f"{folder}: holds points without a table, as killed sweeps and shards leave them; "
            "use latetime sweep --resume or --merge"
        )
    sweep = Sweep(folder, {})
    words, counts = np.unique(sweep["outcome"].astype(str), return_counts=True)
    sweep.outcomes = {str(word): int(count) for word, count in zip(words, counts)}
    return sweep


def _whole_key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{where}: {key!r} is no key; give its name, such as \"slope\"")
    if "." in key:
        return key
    section = section_of(key)
    return f"{section}.{key}" if section else key


def _mapping(value: Any, name: str, example: str) -> Mapping:
    if not isinstance(value, Mapping):
        raise TypeError(f"{name}: is {kind_of(value)}; give a dict such as {example}")
    return value


def _axis_text(key: str, values: Any) -> str:
    if isinstance(values, Mapping):
        for word in values:
            if word not in _RANGE:
                raise ValueError(f"axes: {key}: {word} belongs to no range; write "
                                 '{"from": 1e-4, "to": 1, "count": 5, "log": True}')
        return "{" + ", ".join(f"{word} = {toml_value(value, key)}" for word, value in values.items()) + "}"
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        raise TypeError(f"axes: {key}: is {kind_of(values)}; give a list of values or a dict of a range")
    return toml_value(list(values), key)


def _texts(value: Any, name: str) -> str:
    texts = [value] if isinstance(value, str) else list(value)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError(f"{name}: holds something else than texts; give names in a list")
    return f"{name} = {toml_value(texts, name)}"


def _pairs_text(groups: Any) -> str:
    groups = list(groups)
    if groups and isinstance(groups[0], str):
        groups = [groups]
    return f"zip = {toml_value([[_whole_key(key, 'zip') for key in group] for group in groups], 'zip')}"


def _definition_text(base, axes, zip, derived, filter, quantities, arrays, keep_runs) -> str:
    lines = []
    if zip is not None:
        lines.append(_pairs_text(zip))
    for name, value in (("filter", filter), ("quantities", quantities), ("arrays", arrays)):
        if value is not None:
            lines.append(_texts(value, name))
    if keep_runs:
        lines.append("keep_runs = true")
    if isinstance(base, (str, os.PathLike)):
        lines.append(f"base = {toml_value(os.path.abspath(base))}")
    elif isinstance(base, Config):
        lines += toml_lines(base, "base.")
    elif base is not None:
        for key, value in _mapping(base, "base", '{"n": 20, "until": "1e100"}').items():
            key = _whole_key(key, "base")
            lines.append(f"base.{key} = {toml_value(value, key)}")
    lines.append("[axes]")
    for key, values in _mapping(axes or {}, "axes", '{"slope": [0, 0.1]}').items():
        key = _whole_key(key, "axes")
        lines.append(f'"{key}" = {_axis_text(key, values)}')
    if derived:
        lines.append("[derived]")
        for key, formula in _mapping(derived, "derived", '{"d": "20 * n"}').items():
            lines.append(f'"{_whole_key(key, "derived")}" = {toml_value(formula, key)}')
    return "\n".join(lines) + "\n"


@functools.lru_cache(maxsize=4)
def _plan_of(text: str, folder: str):
    return _core.SweepPlan(text, "sweep", folder)


def make_points(text: str, folder: str, numbers: Sequence[int], runs: str) -> List[str]:
    """Lines of these points: what a worker of an executor is asked for."""
    plan = _plan_of(text, folder)
    return [plan.make_line(number, runs) for number in numbers]


def _by_executor(plan, out: str, resume: bool, executor: Any, report) -> Dict[str, Any]:
    """Hands out the missing points one by one, and adds their lines as they come."""
    folder = _core.SweepFolder(plan, out, resume)
    text, numbers = plan.to_toml(), folder.missing()
    total, done = len(plan), len(plan) - len(numbers)
    futures = []
    try:
        runs = folder.runs() and os.path.abspath(folder.runs())
        futures = [executor.submit(make_points, text, out, [number], runs) for number in numbers]
        for future in concurrent.futures.as_completed(futures):
            for line in future.result():
                folder.add_line(line)
            done += 1
            report(done, total, 0)
    finally:
        for future in futures:
            future.cancel()
        summary = folder.write_files()
    return summary


@answers_unknown_names
def sweep(
    definition=None,
    /,
    *,
    axes=None,
    base=None,
    zip=None,
    derived=None,
    filter=None,
    quantities=None,
    arrays=None,
    keep_runs: bool = False,
    out=None,
    resume: bool = False,
    jobs: Optional[int] = None,
    executor=None,
    progress: Optional[bool] = None,
) -> Sweep:
    """Makes a run at every point of a grid of configurations; returns a Sweep.

    sweep(axes={"slope": [0, 0.1, 0.5], "seed": range(1, 6)}, base={"n": 20, "until": "1e100"})
    sweep("SWEEP.toml", out="map")              the same from a file, as `latetime sweep` reads it

    axes: keys of the configuration, whatever their section, with their values: a list, a range, an array, or a dict
        {"from": a, "to": b, "step": s}, {"from": a, "to": b, "count": k}, with "log": True evenly in the logarithm.
        Axes are crossed; the last runs fastest.
    base: what all points share: a Config, a dict of keys, or the name of a configuration file.
    zip: names of axes that go together instead: ["n", "d"], or several such lists.
    derived: keys that follow from others by formulas: {"d": "20 * n"}.
    filter: a formula, or several, of the points to keep: "d >= 2 * n".
    quantities: numbers to keep of each point, by name ("limit_stable_rank_pos", "claim_5_4", ...); the command's help
        lists them.
    arrays: small arrays to keep: "limit_margins", "curve_log_loss", ...
    keep_runs: keeps the whole folder of every run as well, in out/runs.
    out: a folder. Each point is made once: after a kill, and for another sweep in the same folder, resume=True makes
        what is missing. Without it, the sweep lives as long as the object.
    jobs: points at a time, each on one thread; all processors.
    executor: any concurrent.futures.Executor (processes, MPI, dask) that makes the points instead. Where its workers
        are on other machines, files that the configuration names must be there too. The values are the same.
    progress: a bar on standard error or in the notebook; None: where someone watches.

    Points that end early, or are refused, are rows with their reason. Ctrl-C raises KeyboardInterrupt; what was made
    is kept in `out`. Bad input raises ValueError with the text of the command line.
    """
    if definition is None:
        text = _definition_text(base, axes, zip, derived, filter, quantities, arrays, keep_runs)
        plan = _core.SweepPlan(text, "sweep", os.getcwd())
    else:
        beside = [name for name, value in [("axes", axes), ("base", base), ("zip", zip), ("derived", derived),
                  ("filter", filter), ("quantities", quantities), ("arrays", arrays)] if value is not None]
        if beside:
            raise ValueError(f"{beside[0]}: stands in the file; change it there, or give all by arguments")
        path = path_text(definition, "definition", "the name of a sweep's file")
        plan = _core.read_sweep(path)
    if out is None and resume:
        raise ValueError("resume: goes on with the sweep of a folder; name it by out=")
    temporary = tempfile.TemporaryDirectory(prefix="latetime-sweep-") if out is None else None
    folder = path_text(out, "out") if temporary is None else os.path.join(temporary.name, "sweep")
    bar = Bar(wanted(progress), "latetime")

    def report(done: int, total: int, early: int) -> None:
        bar.update(done / total, f"point {done} of {total}" + (f", {early} ended early" if early else ""))

    try:
        if executor is None:
            summary = plan.carry_out(folder, thread_count(jobs), resume, report)
        else:
            if not hasattr(executor, "submit"):
                raise TypeError(f"executor: is {kind_of(executor)}; give a concurrent.futures.Executor")
            summary = _by_executor(plan, folder, resume, executor, report)
    finally:
        bar.close()
    return Sweep(folder, summary["outcomes"], temporary)
