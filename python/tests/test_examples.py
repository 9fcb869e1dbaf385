"""Every notebook runs from beginning to end, and ends in a picture."""

import os
import pathlib

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")

EXAMPLES = sorted((pathlib.Path(__file__).resolve().parents[1] / "examples").glob("*.ipynb"))


def test_there_are_examples():
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path, tmp_path, monkeypatch):
    monkeypatch.delenv("MPLBACKEND", raising=False)  # the notebook draws inline
    if "images" in path.stem:
        cache = os.environ.get("LATETIME_DATA") or os.path.join(
            os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "latetime"
        )
        if not any(os.path.isdir(os.path.join(cache, name)) for name in ("mnist", "fashion-mnist")):
            pytest.skip("no image sets on this machine (scripts/fetch-data)")
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    warnings = [output.text for cell in notebook.cells for output in cell.get("outputs", []) if output.get("name") == "stderr"
                and not output.text.startswith("\r")]  # a progress bar, where the machine is slow
    assert not warnings
    assert any("image/png" in output.get("data", {}) for output in notebook.cells[-1].outputs)
