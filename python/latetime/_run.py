"""Carrying out a run."""

import warnings
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Union

import numpy as np

from . import _config, _core
from ._arrays import to_labels
from ._data import base_configuration, make_problem, one_source, split_source, test_samples
from ._checks import kind_of, path_text, thread_count
from ._names import answers_unknown_names
from ._progress import RunProgress
from ._result import Run, load_run
from ._training import TrainingResult

Measure = Callable[[Any], Any]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a run or training: `run` holds what was reached, and `run.resume()` goes on."""

    def __init__(self, run: Union[Run, TrainingResult]):
        super().__init__("stopped by Ctrl-C; the exception's .run holds what was reached")
        self.run = run


def _test_samples(data, X, y, positive):
    def to_numbers(y, call):
        return [0 if label > 0 else 1 for label in to_labels(y, positive, call)]

    return test_samples(data, X, y, "run", to_numbers, 2, "of other sources write test_n=, of files test_x=")


@answers_unknown_names
def run(
    source=None,
    /,
    y=None,
    *,
    X=None,
    X_test=None,
    y_test=None,
    positive=None,
    config=None,
    W0=None,
    seed: Optional[int] = None,
    out=None,
    resume: bool = False,
    threads: Optional[int] = None,
    progress: Optional[bool] = None,
    observer: Optional[Callable[[Any], Any]] = None,
    measures: Union[None, Measure, Sequence[Measure], Mapping[str, Measure]] = None,
    **keys,
) -> Run:
    """Trains a network and records what it does; returns a Run.

    run(X, y, width=50, slope=0.0, until="1e100")   own arrays: X (n, d), y (n,) of +1 and -1, or of classes 0, 1, ..., K-1
    run(df, y="label", positive="cat")              a table with a column of labels
    run("X.npy", "y.npy")                           files of samples and labels
    run("data.csv", y="label")                      a file with a column of labels
    run(dataset)                                    a Dataset, from arrays or load_data()
    run(config) or run("run.toml")                  a Config, or a file
    run(n=20, slope=0.0)                            the defaults but for these keys

    X, y: arrays, lists, tables, sparse matrices, tensors; images (n, 28, 28) become rows.
    positive: which of two labels counts as +1, where they are not +1 and -1: 1 of 0 and 1, "cat" of "cat" and "dog".
    X_test, y_test: samples whose error is measured at each record and in the limit; of own arrays X alone (of other
        sources test_n=1000, of files test_x="T.npy", test_y="s.npy").
    keys: any key of the configuration, whatever its section; they go over `config`.
    config: the rest of the configuration of a run on own arrays (its data section is not used).
    W0: initial weights (2, m, d), [0] of class +1, [1] of class -1, or (K, m, d), instead of random ones; an array, or a file of one.
    seed: root of every random number. The same seed gives the same bits, with any number of threads.
    out: a folder; the run is written there as it goes on, and a killed run can go on with
        resume=True. Without it, everything stays in memory.
    progress: a bar on standard error or in the notebook; None: where someone watches.
    observer: called with each recorded State: log10_t, step, engine, metrics (a dict), weights (2, m, d),
        preactivations, coefficients, rho (2, m, n), margins (n,). What it raises ends the run.
    measures: functions of a State that give a number or an array of fixed shape; each becomes a
        column of the Run under its name.

    Other threads of Python go on meanwhile. Ctrl-C raises Interrupted, a KeyboardInterrupt whose
    `.run` holds what was reached. Bad input raises ValueError with the text of the command line, TypeError for things
    that are no arrays. A run that ends early (not separable, overflow, ...) returns: see Run.outcome.
    """
    given, data, keys = split_source("run", one_source("run", source, X, keys), y, positive, keys)
    config, keys = base_configuration("run", given, config, keys, seed)
    problem = make_problem(config, keys, data, W0, _test_samples(data, X_test, y_test, positive))
    columns = Columns(measures)
    if out is None:
        if resume:
            raise ValueError("resume: goes on with the run of a folder; name it by out=")
        return _carry_out(problem, _core.Memory(), None, False, threads, progress, observer, columns)
    return _carry_out(problem, None, path_text(out, "out"), resume, threads, progress, observer, columns)


def require_callable(function: Any, name: str) -> None:
    if not callable(function):
        raise TypeError(f"{name}: is {kind_of(function)}; give a function of a State")


class Columns:
    """The columns that user-supplied measures fill, one entry a record."""

    def __init__(self, measures, earlier: Optional[Dict[str, np.ndarray]] = None):
        if measures is None:
            measures = {}
        elif callable(measures):
            measures = [measures]
        if not isinstance(measures, Mapping):
            if not isinstance(measures, Iterable):
                raise TypeError(f"measures: is {kind_of(measures)}; give a function, a list of functions, or a dict of names")
            measures = {getattr(measure, "__name__", str(measure)): measure for measure in measures}
        self._measures = dict(measures)
        for name, measure in self._measures.items():
            require_callable(measure, f"measures: {name}")
        self._values: Dict[str, List[np.ndarray]] = {
            name: list((earlier or {}).get(name, ())) for name in self._measures
        }

    def __bool__(self) -> bool:
        return bool(self._measures)

    def record(self, state) -> None:
        for name, measure in self._measures.items():
            value = measure(state)
            try:
                if value is None:
                    raise TypeError
                self._values[name].append(np.array(value, dtype=float))
            except (TypeError, ValueError):
                raise ValueError(f"measures: {name} gives {kind_of(value)}; give a number or an array of numbers") from None

    def arrays(self) -> Dict[str, np.ndarray]:
        arrays = {}
        for name, values in self._values.items():
            shapes = {value.shape for value in values}
            if len(shapes) > 1:
                raise ValueError(f"measures: {name} gives arrays of several shapes, {sorted(shapes)}; give one shape")
            arrays[name] = np.stack(values) if values else np.zeros(0)
        return arrays

    def check_names(self, columns: Sequence[str]) -> None:
        for name in self._measures:
            if name in columns or hasattr(Run, name):
                raise ValueError(f"measures: {name} is the name of a column already; choose another")


def _carry_out(problem, memory, out, resume, threads, progress, observer, columns) -> Run:
    columns.check_names(_core.metrics_columns(problem.measures_errors, problem.initial_weights.shape[0]))
    if columns and out is not None and resume:
        raise ValueError("measures: a folder's earlier records have none; resume without, or in memory by Run.resume")

    def recorded(state):
        columns.record(state)
        if observer is not None:
            observer(state)

    if observer is not None:
        require_callable(observer, "observer")
    with RunProgress(progress) as bar:
        summary = _core.carry_out(
            problem,
            memory,
            out or "",
            thread_count(threads),
            resume,
            *bar.callbacks(),
            recorded if columns or observer is not None else None,
        )
    for note in summary["notes"]:
        warnings.warn(note, stacklevel=5 if resume and out is None else 4)
    result = Run(memory, columns.arrays()) if out is None else load_run(out)
    if out is not None:
        result.measures.update(columns.arrays())
    if summary["by_keyboard"]:
        raise Interrupted(result)
    return result


def resume_run(earlier: Run, until=None, *, threads=None, progress=None, observer=None, measures=None) -> Run:
    """See Run.resume."""
    columns = Columns(measures, earlier.measures)
    if set(columns.arrays()) != set(earlier.measures):
        raise ValueError(
            f"measures: the run has {sorted(earlier.measures)}; resume it with the same names, so that "
            "no column has gaps"
        )
    if until is None:
        config = earlier.config
        if earlier.outcome.reason == "reached-end":
            reached = earlier.outcome.log10_t
            warnings.warn(
                f"resume: the run is at its end, t = {'0' if reached is None else f'10^{reached:.6g}'}; name a later one, "
                'such as run.resume("1e100")',
                stacklevel=4,
            )
    else:
        if not isinstance(until, (str, int, float, np.integer, np.floating)):
            raise TypeError(f'until: is {kind_of(until)}; give a number of steps, such as 10**6 or "1e100"')
        # An end in epochs gives way to the one in steps.
        config = earlier.config.with_keys(until=until, epochs=0)
    memory = earlier._memory.copy()
    problem = memory.problem(_config.to_core(config))
    return _carry_out(problem, memory, None, True, threads, progress, observer, columns)
