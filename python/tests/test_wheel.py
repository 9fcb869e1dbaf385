"""A wheel is built from the sources, without a network, and works in an environment of its own.

It packs the module of the build tree; with LATETIME_FULL_WHEEL=1, pip has CMake build everything anew.
"""

import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

import latetime

ROOT = pathlib.Path(__file__).resolve().parents[2]

SMOKE = """
import pathlib, latetime as lt
assert pathlib.Path(lt.__file__).is_relative_to({prefix!r}), lt.__file__
assert pathlib.Path(lt._core.__file__).is_relative_to({prefix!r})
run = lt.run(n=6, d=40, width=10, slope=0.0, until="1e100")
assert run.limit.status == "found"
run.save({folder!r})
assert lt.load({folder!r}).log_loss.tolist() == run.log_loss.tolist()
print(repr(float(run.stable_rank_pos[-1])))
"""


def call(*arguments, **options):
    done = subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True, timeout=1500, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def without_network():
    """pip that would fail rather than fetch, and Python that sees no other latetime."""
    hidden = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**hidden, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory, without_network):
    for needed in ("pip", "setuptools", "wheel"):
        if not importlib.util.find_spec(needed):
            pytest.skip(f"no {needed} on this machine")
    folder = tmp_path_factory.mktemp("wheel")
    # In a copy of the sources, so that the checkout stays as it is.
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns("build", "demo", ".git", "__pycache__"))
    environment = dict(without_network)
    if not os.environ.get("LATETIME_FULL_WHEEL"):
        environment["LATETIME_CORE"] = str(pathlib.Path(latetime._core.__file__).resolve())
    call(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", folder, source, env=environment)
    (built,) = folder.glob("latetime-*.whl")
    return built


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    package = [name for name in names if not name.split("/")[0].endswith(".dist-info")]
    assert all(name.startswith("latetime/") for name in package)
    for needed in ("__init__.py", "_config.pyi", "_core.pyi", "py.typed", "figures/__main__.py"):
        assert f"latetime/{needed}" in package
    assert sum("_core." in name and name.endswith(".so") for name in package) == 1


def test_it_works_in_an_empty_environment(wheel, tmp_path, without_network):
    venv = tmp_path / "venv"
    call(sys.executable, "-m", "venv", "--system-site-packages", venv)  # for NumPy
    python = venv / "bin/python"
    call(python, "-m", "pip", "install", wheel, env=without_network)
    program = SMOKE.format(prefix=str(venv), folder=str(tmp_path / "run"))
    rank = call(python, "-c", program, env=without_network, cwd=tmp_path).strip()
    here = latetime.run(n=6, d=40, width=10, slope=0.0, until="1e100")
    assert float(rank) == here.stable_rank_pos[-1]
    call(python, "-m", "pip", "uninstall", "-y", "latetime", env=without_network)
    assert not list(venv.glob("lib/python3*/site-packages/latetime*"))
