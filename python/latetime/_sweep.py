"""Many runs: maps over keys of the configuration and seeds."""

import concurrent.futures
import csv
import functools
import os
import tempfile
import warnings
from typing import Any, Dict, List, Mapping, Optional, Sequence

import numpy as np

from . import _core
from ._checks import job_count, kind_of, path_text, whole_number
from ._config import Config, from_core, section_of, toml_lines, toml_value
from ._names import answers_unknown_names
from ._progress import Bar, wanted

_RANGE = ("from", "to", "step", "count", "log")


class Sweep:
    """A sweep that was made: what its folder holds.

    path: the folder; `points.csv` and `sweep.nc` in it are for other programs.
    axes: values by the names of dimensions, in order; of a refined sweep those of the finest grid.
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
        return len(self._columns["point"])

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
        """The configuration of a point: `lt.run(sweep.config(3))` makes it again.

        point: its place in every column, from 0; from the end where it is negative. Raises IndexError beyond.
        """
        place = whole_number(point, "point", least=-(2**63))
        if not -len(self) <= place < len(self):
            raise IndexError(f"point: is {place}, and the sweep has {len(self)} points, 0 to {len(self) - 1}")
        return from_core(self._plan.config(int(self._columns["point"][place])))

    @property
    def refined(self) -> Optional[Dict[str, Any]]:
        """Of a refined sweep the "quantity" that decided, the "tolerance" from which on, or the "threshold" at which it
        jumped, and how many "levels" of halving there were; else None.
        """
        return self._plan.refine_rule()

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


def _refine_lines(refine: Any) -> List[str]:
    lines = ["[refine]"]
    for name, value in _mapping(refine, "refine", '{"quantity": "switching_fraction", "tolerance": 0.1}').items():
        if name in ("axes", "log", "mean_over"):
            keys = [value] if isinstance(value, str) else value
            value = [_whole_key(key, f"refine: {name}") for key in keys]
        lines.append(f"{toml_value(str(name))} = {toml_value(value, f'refine: {name}')}")
    return lines


def _definition_text(base, axes, zip, derived, filter, quantities, arrays, keep_runs, refine) -> str:
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
    if refine is not None:
        lines += _refine_lines(refine)
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
    """Hands out the missing points one by one, and adds their lines as they come, round by round where points follow
    from others.
    """
    folder = _core.SweepFolder(plan, out, resume)
    text, runs = plan.to_toml(), folder.runs() and os.path.abspath(folder.runs())
    futures: List[Any] = []
    try:
        while True:
            numbers = folder.missing()
            done = folder.size() - len(numbers)
            futures = [executor.submit(make_points, text, out, [number], runs) for number in numbers]
            for future in concurrent.futures.as_completed(futures):
                for line in future.result():
                    folder.add_line(line)
                done += 1
                report(done, folder.size(), 0)
            if not folder.refine():
                break
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
    refine=None,
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
    refine: makes more points where a number jumps, and leaves the rest of a fine grid out: {"quantity":
        "switching_fraction", "tolerance": 0.1, "most_points": 2000, "levels": 3}; "threshold": 0.5 instead of a tolerance
        follows the line where the number is that. Steps of ranges are halved, at most `levels` times; "axes" names
        others, "mean_over" axes to average over (seed). Columns have an entry a point
        that was made; to_xarray() has the finest grid, NaN where nothing was made.
    keep_runs: keeps the whole folder of every run as well, in out/runs.
    out: a folder. Each point is made once: after a kill, and for another sweep in the same folder, resume=True makes
        what is missing. Without it, the sweep lives as long as the object.
    jobs: points at a time, from 1, each on one thread; without it, as many as there are processors.
    executor: any concurrent.futures.Executor (processes, MPI, dask) that makes the points instead. Where its workers
        are on other machines, files that the configuration names must be there too. The values are the same.
    progress: a bar on standard error or in the notebook; None: where someone watches.

    Points that end early, or are refused, are rows with their reason. Ctrl-C raises KeyboardInterrupt; what was made
    is kept in `out`. Bad input raises ValueError with the text of the command line.
    """
    if definition is None:
        text = _definition_text(base, axes, zip, derived, filter, quantities, arrays, keep_runs, refine)
        plan = _core.SweepPlan(text, "sweep", os.getcwd())
    else:
        beside = [name for name, value in [("axes", axes), ("base", base), ("zip", zip), ("derived", derived),
                  ("filter", filter), ("quantities", quantities), ("arrays", arrays), ("refine", refine)]
                  if value is not None]
        if beside:
            raise ValueError(f"{beside[0]}: stands in the file; change it there, or give all by arguments")
        path = path_text(definition, "definition", "the name of a sweep's file")
        plan = _core.read_sweep(path)
    if out is None and resume:
        raise ValueError("resume: goes on with the sweep of a folder; name it by out=")
    temporary = tempfile.TemporaryDirectory(prefix="latetime-sweep-") if out is None else None
    folder = path_text(out, "out") if temporary is None else os.path.join(temporary.name, "sweep")
    count = job_count(jobs)
    bar = Bar(wanted(progress), "latetime")

    def report(done: int, total: int, early: int) -> None:
        bar.update(done / total, f"point {done} of {total}" + (f", {early} ended early" if early else ""))

    try:
        if executor is None:
            summary = plan.carry_out(folder, count, resume, report)
        else:
            if not hasattr(executor, "submit"):
                raise TypeError(f"executor: is {kind_of(executor)}; give a concurrent.futures.Executor")
            summary = _by_executor(plan, folder, resume, executor, report)
    except (ValueError, RuntimeError) as error:
        words = str(error)
        if "--resume" not in words:
            raise
        raise type(error)(words.replace("--resume", "resume=True")) from None
    finally:
        bar.close()
    if summary["exhausted"]:
        warnings.warn("refine: most_points was too few to follow every jump; raise it, and go on with resume=True",
                      stacklevel=3)
    return Sweep(folder, summary["outcomes"], temporary)
