"""Builds latetime._core by CMake; everything else stands in pyproject.toml.

With LATETIME_CORE, the path of a module that CMake has built already, that one is packed.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = pathlib.Path(__file__).resolve().parent


class CMakeBuild(build_ext):
    """Configures a build tree of its own and lets CMake install the module where setuptools wants it."""

    def build_extension(self, ext):
        built = os.environ.get("LATETIME_CORE")
        if built:
            place = pathlib.Path(self.get_ext_fullpath(ext.name))
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(built, place)
            return
        tree = pathlib.Path(self.build_temp).resolve()
        target = pathlib.Path(self.get_ext_fullpath(ext.name)).resolve().parent.parent
        tree.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [
                "cmake", "-S", ROOT, "-B", tree, "-G", "Ninja", "--log-level=WARNING",
                "-DCMAKE_BUILD_TYPE=Release",
                "-DLATETIME_PYTHON=ON",
                f"-DPython_EXECUTABLE={sys.executable}",
                f"-DLATETIME_PYTHON_DIR={target}",
                "-DLATETIME_TESTS=OFF",
                "-DLATETIME_BENCHMARKS=OFF",
            ],
            check=True,
        )
        subprocess.run(["cmake", "--build", tree, "--target", "latetime_python"], check=True)
        subprocess.run(["cmake", "--install", tree, "--component", "python"], check=True)


def version() -> str:
    """The one of CMakeLists.txt."""
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.search(r"project\(latetime VERSION ([0-9.]+)", text).group(1)


setup(version=version(), ext_modules=[Extension("latetime._core", [])], cmdclass={"build_ext": CMakeBuild})
