"""`pip install .` and `pip wheel .` as users type them: no package index, a build by CMake, environments of many kinds.

The sources are copied, so that the checkout stays as it is. With ccache, the copy's build takes its objects from the
checkout's: same flags (CMAKE_ARGS is set by ctest), and paths that count from the root.
"""

import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import numpy
import pytest

import latetime

ROOT = pathlib.Path(__file__).resolve().parents[2]

SMOKE = """
import pathlib, latetime as lt
import numpy as np
assert pathlib.Path(lt.__file__).is_relative_to({prefix!r}), lt.__file__
assert pathlib.Path(lt._core.__file__).is_relative_to({prefix!r})
run = lt.run(n=6, d=40, width=10, slope=0.0, until="1e100")
assert run.limit.status == "found"
run.save({folder!r})
assert lt.load({folder!r}).log_loss.tolist() == run.log_loss.tolist()
print(float(run.stable_rank_pos[-1]).hex(), np.__file__)
"""


@pytest.fixture(scope="module")
def bare():
    """The environment of a pip that has nowhere to fetch from, and of a Python that sees no other latetime."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH" and not name.startswith("PIP_")}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_CACHE_DIR": "1"}


def call(*arguments, **options):
    done = subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True, timeout=2400, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def failure(*arguments, **options):
    """The last line of a call that must fail."""
    done = subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True, timeout=100, **options)
    assert done.returncode == 1, done.stdout
    return done.stderr.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    for needed in ("pip", "setuptools", "wheel", "venv"):
        if not importlib.util.find_spec(needed):
            pytest.skip(f"no {needed} on this machine")
    copy = tmp_path_factory.mktemp("sources") / "latetime"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns("build", "demo", ".git", "__pycache__"))
    return copy


@pytest.fixture(scope="module")
def plain(source, tmp_path_factory, bare):
    """An environment made by `python3 -m venv`, in which `pip install .` was typed."""
    venv = tmp_path_factory.mktemp("plain") / "venv"
    call(sys.executable, "-m", "venv", venv)
    call(venv / "bin/pip", "install", ".", cwd=source, env=bare)
    return venv


@pytest.fixture(scope="module")
def wheel(source, plain, tmp_path_factory, bare):
    """Made after `plain`, whose build it goes on from."""
    folder = tmp_path_factory.mktemp("wheel")
    call(sys.executable, "-m", "pip", "wheel", "-w", folder, ".", cwd=source, env=bare)
    (built,) = folder.glob("*.whl")
    return built


def numpy_in_use(venv, tmp_path, bare):
    """Runs the package in the environment, to the bits of this process; the file of the NumPy that it found."""
    program = SMOKE.format(prefix=str(venv), folder=str(tmp_path / "run"))
    rank, numpy_file = call(venv / "bin/python", "-c", program, env=bare, cwd=tmp_path).split()
    here = latetime.run(n=6, d=40, width=10, slope=0.0, until="1e100")
    assert float.fromhex(rank) == here.stable_rank_pos[-1]
    return pathlib.Path(numpy_file)


def test_a_plain_environment_takes_the_systems_numpy_and_nothing_else(plain, tmp_path, bare):
    assert numpy_in_use(plain, tmp_path, bare) == pathlib.Path(numpy.__file__)
    others = "import latetime, sys, importlib.util as u; print(u.find_spec('pytest'), 'dist-packages' in ''.join(sys.path))"
    assert call(plain / "bin/python", "-c", others, env=bare).split() == ["None", "False"]


def test_an_environment_with_a_numpy_of_its_own_keeps_it(wheel, tmp_path, bare):
    venv = tmp_path / "venv"
    call(sys.executable, "-m", "venv", venv)
    (packages,) = venv.glob("lib/python3*/site-packages")
    (packages / "numpy").symlink_to(pathlib.Path(numpy.__file__).parent)
    call(venv / "bin/pip", "install", wheel, env=bare)
    assert numpy_in_use(venv, tmp_path, bare).is_relative_to(venv)


def test_an_environment_that_sees_the_systems_packages(wheel, tmp_path, bare):
    venv = tmp_path / "venv"
    call(sys.executable, "-m", "venv", "--system-site-packages", venv)
    call(venv / "bin/pip", "install", wheel, env=bare)
    numpy_in_use(venv, tmp_path, bare)
    call(venv / "bin/pip", "uninstall", "-y", "latetime", env=bare)
    assert not list(venv.glob("lib/python3*/site-packages/latetime*"))


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    package = [name for name in names if not name.split("/")[0].endswith(".dist-info")]
    assert all(name.startswith("latetime/") for name in package)
    for needed in ("__init__.py", "_config.pyi", "_core.pyi", "py.typed", "figures/__main__.py"):
        assert f"latetime/{needed}" in package
    assert sum("_core." in name and name.endswith(".so") for name in package) == 1


def test_a_module_of_another_python_says_so(plain, tmp_path, bare):
    (installed,) = plain.glob("lib/python3*/site-packages/latetime")
    shutil.copytree(installed, tmp_path / "latetime")
    (core,) = tmp_path.glob("latetime/_core.*.so")
    core.rename(core.with_name("_core.cpython-399-x86_64-linux-gnu.so"))
    said = failure(plain / "bin/python", "-c", "import latetime", cwd=tmp_path, env=bare)
    this = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"built for Python 3.99, this is Python {this}" in said and "run `pip install .`" in said


def test_the_sources_alone_say_how_to_build(plain, bare):
    said = failure(plain / "bin/python", "-c", "import latetime", cwd=ROOT / "python", env=bare)
    assert "_core is not in" in said and "pip install ." in said and "make build" in said


def test_without_any_numpy_the_mend_is_named(plain, tmp_path, bare):
    program = "import runpy, sys; runpy.run_path(sys.argv[1])['provide_numpy']([sys.argv[2]])"
    file = ROOT / "python/latetime/_requirements.py"
    said = failure(plain / "bin/python", "-c", program, file, tmp_path, env=bare)
    assert "pip install numpy" in said and "apt install python3-numpy" in said


def test_a_build_that_cannot_be_says_why(source, plain, tmp_path, bare):
    folder = tmp_path / "sources"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    done = subprocess.run([plain / "bin/pip", "install", "."], cwd=folder, capture_output=True, text=True, timeout=300,
                          env={**bare, "CMAKE_ARGS": "-DCMAKE_DISABLE_FIND_PACKAGE_pybind11=ON"})
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "pybind11 is missing: apt install pybind11-dev" in " ".join(said.split())
    assert "scripts/install-deps python" in said
