"""Builds latetime._core by CMake; everything else stands in pyproject.toml.

Environment: CMAKE_ARGS, more options for CMake.
"""

import os
import pathlib
import re
import runpy
import shlex
import shutil
import subprocess
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = pathlib.Path(__file__).resolve().parent
DEBIAN = "on Debian 12, `scripts/install-deps python` installs everything that is needed"


def carry_out(*command) -> None:
    """Runs a step of the build; its own words stand above ours."""
    if subprocess.run([str(word) for word in command]).returncode:
        sys.exit(f"latetime: {command[0]} failed, for the reason above; {DEBIAN}")


class CMakeBuild(build_ext):
    """Configures a build tree of its own and lets CMake install the module where setuptools wants it."""

    def build_extension(self, ext):
        missing = [tool for tool in ("cmake", "ninja") if not shutil.which(tool)]
        if missing:
            sys.exit(f"latetime: {' and '.join(missing)} missing; {DEBIAN}")
        tree = pathlib.Path(self.build_temp).resolve()
        target = pathlib.Path(self.get_ext_fullpath(ext.name)).resolve().parent.parent
        tree.mkdir(parents=True, exist_ok=True)
        carry_out(
            "cmake", "-S", ROOT, "-B", tree, "-G", "Ninja", "--log-level=WARNING",
            "-DCMAKE_BUILD_TYPE=Release",
            "-DLATETIME_PYTHON=ON",
            f"-DPython_EXECUTABLE={sys.executable}",
            f"-DLATETIME_PYTHON_DIR={target}",
            "-DLATETIME_TESTS=OFF",
            "-DLATETIME_EXAMPLES=OFF",
            "-DLATETIME_BENCHMARKS=OFF",
            *shlex.split(os.environ.get("CMAKE_ARGS", "")),
        )
        carry_out("cmake", "--build", tree, "--target", "latetime_python")
        carry_out("cmake", "--install", tree, "--component", "python")


def version() -> str:
    """The one of CMakeLists.txt."""
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.search(r"project\(latetime VERSION ([0-9.]+)", text).group(1)


def pybind11_version() -> tuple:
    """(major, minor) of the one that CMake will find; newer than any where pkg-config does not know it."""
    found = re.match(r"(\d+)\.(\d+)", tool_output("pkg-config", "--modversion", "pybind11"))
    return (int(found[1]), int(found[2])) if found else (99, 0)


def requirements() -> list:
    """NumPy, unless the system has one for this Python, which the package then uses (latetime/_requirements.py)."""
    if runpy.run_path(str(ROOT / "python/latetime/_requirements.py"))["system_numpy"]():
        return []
    return ["numpy>=1.24" if pybind11_version() >= (2, 12) else "numpy>=1.24,<2"]


def refuse_unknown_python() -> None:
    """Before pip asks for NumPy: what cannot be built needs none. (CMake would say the same, later.)"""
    if sys.version_info >= (3, 12) and pybind11_version() < (2, 11):
        sys.exit(f"latetime: the pybind11 found here does not know Python {sys.version_info.major}."
                 f"{sys.version_info.minor}; take the system's Python, /usr/bin/python3, or pybind11 2.13 or later")


def tool_output(*command) -> str:
    """What a tool says; nothing where it is missing."""
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout
    except OSError:
        return ""


refuse_unknown_python()
setup(
    version=version(),
    install_requires=requirements(),
    ext_modules=[Extension("latetime._core", [])],
    cmdclass={"build_ext": CMakeBuild},
)
