"""Arguments by name: what is not known is answered with the nearest that is."""

import functools
import inspect
from typing import Any, Callable, Iterable, TypeVar, cast

from . import _core

_Function = TypeVar("_Function", bound=Callable[..., Any])

_SECTIONS = {field["key"]: field["section"] for field in _core.fields()}

# Other people's names for ours.
_OTHER_NAMES = {
    "labels": "y",
    "target": "y",
    "targets": "y",
    "samples": "X",
    "features": "X",
    "lr": "learning_rate",
    "eta": "learning_rate",
    "step_size": "learning_rate",
    "gamma": "slope",
    "alpha": "slope",
    "negative_slope": "slope",
    "m": "width",
    "hidden": "width",
    "neurons": "width",
    "steps": "until",
    "n_steps": "until",
    "max_iter": "until",
    "sigma_0": "init_std",
    "init": "W0",
    "weights": "W0",
    "random_state": "seed",
    "pos_label": "positive",
    "n_jobs": "threads",
    "output": "out",
}


def nearest(name: str, known: Iterable[str]) -> str:
    """The one of `known` that was most likely meant."""
    names = list(known)
    other = _OTHER_NAMES.get(name.lower(), "")
    return other if other in names else _core.nearest_name(name, names)


def answers_unknown_names(function: _Function) -> _Function:
    """Has unknown keyword arguments refused by one line that names the nearest known one.

    A function that takes configuration keys raises ValueError as for a wrong key, others TypeError.
    """
    label = function.__qualname__.removesuffix(".__init__")
    parameters = inspect.signature(function).parameters.values()
    takes_keys = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    by_name = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    own = [parameter.name for parameter in parameters if parameter.kind in by_name and parameter.name != "self"]

    @functools.wraps(function)
    def checked(*arguments, **named):
        keys = list(_SECTIONS) if takes_keys else []
        for name in named:
            if name in own or name in keys:
                continue
            near = nearest(name, [*own, *keys]) if own or keys else ""
            hint = f"; did you mean {_written(near, own)}?" if near else ""
            if takes_keys:
                raise ValueError(f"{name}: unknown key{hint}")
            raise TypeError(f"{label}: has no argument {name}{hint}")
        return function(*arguments, **named)

    return cast(_Function, checked)


def _written(name: str, own: Iterable[str]) -> str:
    if name in own:
        return name
    return f"{_SECTIONS[name]}.{name}" if _SECTIONS[name] else name


def require_array(name: str, known: Iterable[str], holder: str) -> None:
    """Raises KeyError with the nearest of the `known` arrays of a run or training where it has none of that name."""
    known = list(known)
    if name not in known:
        raise KeyError(f"{holder} has no array {name}; did you mean {_core.nearest_name(name, known)}?")
