import os
import subprocess

import pytest


@pytest.fixture
def program():
    """Runs the command line with these arguments; gives (exit code, standard output, standard error)."""
    path = os.environ.get("LATETIME_PROGRAM")
    if not path:
        pytest.skip("LATETIME_PROGRAM names no program to compare with")

    def call(*arguments):
        done = subprocess.run([path, *map(str, arguments)], capture_output=True, text=True, timeout=300)
        return done.returncode, done.stdout, done.stderr

    return call
