"""Arguments that are no arrays: each refusal is one line that names the argument."""

import os
from typing import Any, Optional

import numpy as np


def kind_of(value: Any) -> str:
    """Its type in words: "a list", "an int"."""
    name = type(value).__name__
    return f"an {name}" if name[0] in "AEIOUaeiou" else f"a {name}"


def path_text(value: Any, name: str, what: str = "the name of a folder") -> str:
    """Raises TypeError for what names no file or folder."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name}: is {kind_of(value)}; give {what}")
    if not os.fspath(value):
        raise ValueError(f"{name}: is empty; give {what}")
    return os.fspath(value)


def whole_number(value: Any, name: str, least: int = 0, below: int = 2**63) -> int:
    """Raises TypeError for what is no whole number, ValueError for one that is not possible."""
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        raise TypeError(f"{name}: is {value!r}; give a whole number")
    number = value.__index__()
    if not least <= number < below:
        bounds = f"from {least}" if number < least else f"below {below}"
        raise ValueError(f"{name}: is {number}; give a whole number {bounds}")
    return number


def real_number(value: Any, name: str) -> float:
    """Raises TypeError for what is no real number. Which ones are possible is not looked at."""
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: is {value!r}; give a number") from None


def thread_count(threads: Optional[int]) -> int:
    """Of the `threads` argument: None and 0 take all processors."""
    if threads is None:
        return os.cpu_count() or 1
    return whole_number(threads, "threads", below=2**31) or os.cpu_count() or 1


def job_count(jobs: Optional[int]) -> int:
    """Of the `jobs` argument: None takes all processors."""
    if jobs is None:
        return os.cpu_count() or 1
    return whole_number(jobs, "jobs", least=1, below=1025)
