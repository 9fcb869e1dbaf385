"""setuptools' build backend, found where the system has it.

pip builds in an environment that holds nothing but what pyproject.toml requires, and would fetch that from
the network. The system's own setuptools will do: it is put on the path here.
"""

import glob
import sys

try:
    import setuptools  # noqa: F401
except ImportError:
    sys.path += [path for pattern in ("/usr/lib/python3/dist-packages", f"{sys.base_prefix}/lib/python3*/site-packages")
                 for path in glob.glob(pattern)]

from setuptools.build_meta import *  # noqa: E402, F401, F403
from setuptools.build_meta import __legacy__  # noqa: E402, F401


def get_requires_for_build_wheel(config_settings=None):
    """Nothing: what setuptools asks for here, the package wheel, is the system's as well."""
    return []
