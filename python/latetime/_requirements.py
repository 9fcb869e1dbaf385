"""What the package needs before anything else: its compiled module, and NumPy. Says what is missing and how to mend it.

`setup.py` asks this file, too, whether the system has a NumPy for the Python that it builds for.
"""

import importlib
import importlib.machinery
import importlib.util
import pathlib
import re
import sys
import sysconfig
from typing import List, Optional

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def system_folders() -> List[str]:
    """Where packages lie that belong to no virtual environment: this Python's own, then Debian's."""
    return [
        f"{sys.base_prefix}/lib/python{VERSION}/site-packages",
        f"/usr/local/lib/python{VERSION}/dist-packages",
        "/usr/lib/python3/dist-packages",
    ]


def system_numpy(folders: Optional[List[str]] = None) -> Optional[str]:
    """The first folder with a NumPy that was compiled for this version of Python."""
    compiled = f"*core/_multiarray_umath{sysconfig.get_config_var('EXT_SUFFIX')}"
    for folder in system_folders() if folders is None else folders:
        if any(pathlib.Path(folder, "numpy").glob(compiled)):
            return folder
    return None


def provide_numpy(folders: Optional[List[str]] = None) -> None:
    """Loads the system's NumPy, and nothing else of the system, where the environment has none of its own.

    Raises ImportError, with the mend, where there is none either.
    """
    if "numpy" in sys.modules or importlib.util.find_spec("numpy"):
        return
    folder = system_numpy(folders)
    spec = importlib.machinery.PathFinder.find_spec("numpy", [folder]) if folder else None
    if spec is None or spec.loader is None:
        raise ImportError(
            f"latetime needs NumPy, and neither {sys.prefix} nor the system has one for Python {VERSION}; "
            "run `pip install numpy`, or, where no package index can be reached, `apt install python3-numpy`",
            name="numpy",
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules["numpy"] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules["numpy"]
        raise


def load_core(package: str, folder: str) -> None:
    """Imports PACKAGE._core from FOLDER. Raises ImportError that tells a module of another Python from none at all."""
    try:
        importlib.import_module(f"{package}._core")
    except ModuleNotFoundError as error:
        if error.name != f"{package}._core":
            raise
        others = [re.search(r"\.cpython-(\d)(\d+)", path.name) for path in sorted(pathlib.Path(folder).glob("_core.*.so"))]
        versions = ", ".join(f"{found[1]}.{found[2]}" for found in others if found)
        raise ImportError(
            f"latetime._core was built for Python {versions}, this is Python {VERSION} ({sys.executable}); "
            "run `pip install .` in Latetime's sources with this Python"
            if versions
            else f"latetime._core is not in {folder}: this is the package's source; "
            "run `pip install .`, or `make build` and set PYTHONPATH to build/release/python",
            name=f"{package}._core",
        ) from None


def check_numpy() -> None:
    """Refuses a NumPy that the compiled module would misread."""
    import numpy

    from . import _core

    if int(numpy.__version__.split(".")[0]) >= 2 and _core.pybind11_version < (2, 12):
        built = ".".join(map(str, _core.pybind11_version))
        raise ImportError(
            f"latetime._core was built with pybind11 {built}, which does not know NumPy {numpy.__version__}; "
            "run `pip install 'numpy<2'`, or build with pybind11 2.12 or later"
        )
