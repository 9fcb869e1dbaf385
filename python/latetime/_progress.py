"""A progress bar for the terminal and for notebooks: tqdm where it is installed, else a line."""

import math
import sys
import time
import warnings
from typing import Any, Callable, Optional, Tuple

_DELAY = 0.3  # seconds before a bar shows: most runs are over by then
_PERIOD = 0.1


def in_notebook() -> bool:
    """Whether this is a Jupyter kernel."""
    shell = sys.modules.get("IPython")
    instance = shell.get_ipython() if shell else None
    return type(instance).__name__ == "ZMQInteractiveShell"


def wanted(progress: Optional[bool]) -> bool:
    """`progress` itself, or where it is None: whether someone is there to watch."""
    if progress is not None:
        return progress
    return in_notebook() or bool(getattr(sys.stderr, "isatty", lambda: False)())


def _time_text(log10_t: Optional[float], step: Optional[int]) -> str:
    if step is not None:
        return f"step {step:.4g}" if step >= 1e6 else f"step {step}"
    return f"t = 10^{log10_t:.1f}"


class Bar:
    """Shows how much of something is done; nothing in its first 0.3 seconds."""

    def __init__(self, shown: bool, label: str):
        self._shown, self._label = shown, label
        self._start = self._last = time.monotonic()
        self._bar: Any = None

    def update(self, fraction: float, text: str) -> None:
        now = time.monotonic()
        if not self._shown or now - self._start < _DELAY or now - self._last < _PERIOD:
            return
        self._last = now
        if self._bar is None:
            self._bar = self._make()
        if self._bar is False:
            sys.stderr.write(f"\r{self._label}: {100 * fraction:3.0f} %  {text:<40}")
            sys.stderr.flush()
        else:
            self._bar.n = round(100 * fraction)
            self._bar.set_postfix_str(text)

    def close(self) -> None:
        if self._bar is False:
            sys.stderr.write("\r" + " " * 60 + "\r")
            sys.stderr.flush()
        elif self._bar is not None:
            self._bar.close()
        self._bar = None

    def _make(self) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # tqdm misses ipywidgets: it then writes a line
                from tqdm.auto import tqdm
        except ImportError:
            return False
        form = "{l_bar}{bar}| {elapsed}{postfix}"
        return tqdm(total=100, desc=self._label, leave=False, bar_format=form)


class RunProgress:
    """Progress of a run: in steps where their number is exact, else in decades of t."""

    def __init__(self, progress: Optional[bool]):
        self.shown = wanted(progress)
        self._bar = Bar(self.shown, "latetime")
        self._last_step: Optional[int] = None
        self._last_log = 1.0

    def __enter__(self) -> "RunProgress":
        return self

    def __exit__(self, *failure) -> None:
        self._bar.close()

    def callbacks(self) -> Tuple[Optional[Callable], Optional[Callable]]:
        """`started` and `pulse` for the core; None, which costs nothing, where no bar is shown."""
        return (self.started, self.pulse) if self.shown else (None, None)

    def started(self, first_log, last_log, first_step, last_step) -> None:
        self._last_step = last_step
        self._last_log = max(last_log or 0.0, 1e-9)

    def pulse(self, log10_t, step) -> bool:
        if self._last_step is not None and step is not None:
            fraction = step / max(self._last_step, 1)
        else:
            fraction = (log10_t or 0.0) / self._last_log
        if not math.isfinite(fraction):
            fraction = 0.0
        self._bar.update(min(max(fraction, 0.0), 1.0), _time_text(log10_t, step))
        return True
