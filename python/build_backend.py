"""setuptools' build backend, found where the system has it.

pip builds in an environment that holds nothing but what pyproject.toml requires, and would fetch that from the
network. The setuptools and wheel of this Python, or of Debian, will do: their folders are put at the end of the path.
"""

import importlib.util
import sys

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def lacking() -> list:
    """What is not there of what builds a wheel."""
    return [name for name in ("setuptools", "wheel") if not importlib.util.find_spec(name)]


if lacking():
    sys.path += [f"{sys.base_prefix}/lib/python{VERSION}/site-packages", "/usr/lib/python3/dist-packages"]
if lacking():
    sys.exit(f"latetime: {' and '.join(lacking())} missing; run `apt install python3-setuptools python3-wheel`")

try:
    from setuptools.build_meta import *  # noqa: F401, F403
    from setuptools.build_meta import __legacy__  # noqa: F401
except Exception as error:
    sys.exit(f"latetime: the setuptools found here does not know Python {VERSION} ({error}); put a newer one into "
             f"{sys.base_prefix} (`pip install setuptools wheel`), or take the system's Python, /usr/bin/python3")


def get_requires_for_build_wheel(config_settings=None):
    """Nothing: what setuptools asks for here, the package wheel, is the system's as well."""
    return []


get_requires_for_build_editable = get_requires_for_build_wheel
get_requires_for_build_sdist = get_requires_for_build_wheel
