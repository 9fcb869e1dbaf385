#!/usr/bin/env python3
"""Follows the recipes of docs/HACKING.md in a copy of the sources, builds it, and shows what each has brought.

    recipes_test.py WORK [CMAKE OPTIONS…]

The copy and its build folder stay in WORK, so that the next time only what has changed is compiled. A recipe is a
block ```diff of the page: `@@` names a file, `+` is a new line, `-` one that goes, every other line is there already,
in one place.
"""

import csv
import filecmp
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PARTS = ("CMakeLists.txt", "CMakePresets.json", "benchmarks", "cli", "cmake", "docs", "examples", "python", "scripts",
         "src", "tests")
TARGETS = ("latetime", "latetime_python", "test_store", "steep")


def fail(problem):
    sys.exit(f"recipes_test: {problem}")


# ---- recipes

def recipes(page):
    """[(title, [(file, lines)])] of the section "Recipes"."""
    section = re.search(r"^## Recipes\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    found = re.findall(r"^\*\*(.+?)\*\*.*?```diff\n(.*?)```", section[1] if section else "", re.MULTILINE | re.DOTALL)
    if not found:
        fail("docs/HACKING.md has no recipes")
    result = []
    for title, block in found:
        hunks = []
        for line in block.splitlines():
            if line.startswith("@@ "):
                hunks.append((line[3:], []))
            else:
                hunks[-1][1].append(line)
        result.append((title, hunks))
    return result


def applied(text, lines, where):
    """`text` with the new lines of one place of a recipe."""
    old = [line[1:] for line in lines if not line.startswith("+")]
    new = [line[1:] for line in lines if not line.startswith("-")]
    if not old:
        if text:
            fail(f"{where}: is there already, and no line of it is named")
        return "\n".join(new) + "\n"
    anchor = "\n" + "\n".join(old) + "\n"
    places = ("\n" + text).count(anchor)
    if places != 1:
        fail(f"{where}: the lines around a new one stand in {places} places:{anchor}")
    return ("\n" + text).replace(anchor, "\n" + "\n".join(new) + "\n")[1:]


# ---- the copy

def source_files():
    for part in PARTS:
        path = SOURCE / part
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                yield file.relative_to(SOURCE)


def make_copy(copy, changed):
    """The sources with `changed` files in their place; those that have not changed keep their time."""
    wanted = set(source_files()) | {pathlib.Path(name) for name in changed}
    for name in wanted:
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if str(name) in changed:
            if not target.exists() or target.read_text() != changed[str(name)]:
                target.write_text(changed[str(name)])
        elif not target.exists() or not filecmp.cmp(SOURCE / name, target, shallow=False):
            shutil.copy2(SOURCE / name, target)
            target.touch()
    for part in PARTS:
        for file in (copy / part).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts and file.relative_to(copy) not in wanted:
                file.unlink()


def call(*command, env=None, cwd=None):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=env, cwd=cwd)
    if done.returncode != 0:
        fail(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-6000:]}")
    return done.stdout


def build(copy, options):
    call("cmake", "--preset", "release", "--log-level=WARNING", *options, cwd=copy)
    call("cmake", "--build", copy / "build/release", "-j", os.cpu_count(), "--target", *TARGETS)


# ---- what each recipe brings

class Tried:
    """A run of the program that was built, and the program itself."""

    def __init__(self, copy, work):
        self.copy = copy
        self.program = copy / "build/release/latetime"
        self.folder = work / "run"
        shutil.rmtree(self.folder, ignore_errors=True)
        call(self.program, "run", "-q", "--out", self.folder, "--set", "record.note=kept", "--set", "data.d=50",
             "--set", "descent.until=1000")
        call(self.program, "export", self.folder, "--csv")

    def array(self, name):
        with open(self.folder / "csv" / f"{name}.csv", newline="") as file:
            rows = list(csv.reader(file))
        return [[float(value) for value in row] for row in rows if not any(c.isalpha() for c in row[0].replace("e", ""))]

    def python(self, lines):
        env = {**os.environ, "PYTHONPATH": str(self.copy / "build/release/python")}
        code = "import latetime as lt, numpy as np\n" + lines
        return call(sys.executable, "-c", code, env=env)


def expect(condition, what):
    if not condition:
        fail(what)


def key_is_there(tried):
    expect("a line that is kept with the run" in call(tried.program, "run", "--help"),
           "run --help does not list record.note")
    expect('note = "kept"' in (tried.folder / "config.toml").read_text(), "config.toml does not keep record.note")
    wrong = subprocess.run([tried.program, "run", "--out", tried.folder.parent / "none", "--set", "record.noet=x"],
                           capture_output=True, text=True)
    expect(wrong.returncode == 2 and "did you mean record.note?" in wrong.stderr, "record.note is not suggested")
    tried.python("assert lt.Record(note='a').note == 'a'")
    stubs = tried.copy / "python/latetime/_config.pyi"
    before = stubs.read_text()
    env = {**os.environ, "PYTHONPATH": str(tried.copy / "build/release/python")}
    call(sys.executable, tried.copy / "python/tools/make_stubs.py", env=env)
    made = stubs.read_text()
    stubs.write_text(before)
    expect("note: str" in made and "note: str" not in before, "the type stubs do not learn record.note")


def array_is_there(tried):
    x, norms = tried.array("data.x"), tried.array("data.norms")
    expect(len(norms) == len(x) and all(abs(sum(v * v for v in row) ** 0.5 - norm[0]) < 1e-12 * norm[0]
                                        for row, norm in zip(x, norms)), "data.norms are not the norms of data.x")
    tried.python(f"run = lt.load({str(tried.folder)!r})\n"
                 "assert np.allclose(run['/data/norms'], np.linalg.norm(run['/data/x'], axis=1), rtol=1e-12)")
    earlier = next((SOURCE / "tests/data/runs").iterdir())
    call(tried.program, "limit", "--json", earlier)  # which has no such array


def column_is_there(tried):
    with open(tried.folder / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    expect(rows and all(float(row["stable_rank_gap"]) == float(row["stable_rank_pos"]) - float(row["stable_rank_neg"])
                        for row in rows), "the column stable_rank_gap does not hold the difference")
    tried.python("run = lt.run(until='100', d=50)\n"
                 "assert np.array_equal(run.stable_rank_gap, run.stable_rank_pos - run.stable_rank_neg)")


def claim_is_there(tried):
    said = call(tried.program, "check", tried.folder, "--claim", "7.3")
    expect("the loss falls" in said and "Holds" in said, f"check --claim 7.3 says:\n{said}")
    claims = json.loads((tried.folder / "claims.json").read_text())["claims"]
    expect(claims[-1]["id"] == "7.3", "claims.json does not end with the new claim")


def loss_is_there(tried):
    dense, coefficient = map(float, call(tried.copy / "build/release/examples/steep").split())
    # From u = 0 with g = 1, then from u = 3/8: its own pair alone is active there.
    expected = 0.25 * (1.0 + math.exp(-0.75))
    expect(abs(dense - expected) < 1e-15 and abs(coefficient - expected) < 1e-15,
           f"two steps of the steep loss come to {dense} and {coefficient}, not to {expected}")


SHOWN = {"A configuration key": key_is_there, "A result array": array_is_there, "A column of metrics.csv": column_is_there,
         "A claim": claim_is_there, "A loss": loss_is_there}


def main():
    if len(sys.argv) < 2:
        fail("name a folder to work in")
    work = pathlib.Path(sys.argv[1]).resolve()
    copy = work / "source"
    changed = {}
    written = recipes((SOURCE / "docs/HACKING.md").read_text())
    if [title for title, _ in written] != list(SHOWN):
        fail(f"docs/HACKING.md has recipes for {[title for title, _ in written]}, this test for {list(SHOWN)}")
    for title, hunks in written:
        for name, lines in hunks:
            path = SOURCE / name
            text = changed.get(name, path.read_text() if path.exists() else "")
            changed[name] = applied(text, lines, f"{title}, {name}")
    make_copy(copy, changed)
    build(copy, sys.argv[2:])
    call(copy / "build/release/tests/test_store")  # docs/formats.md names what is new
    tried = Tried(copy, work)
    for title, show in SHOWN.items():
        show(tried)
        print(f"recipes_test: {title}: as the recipe says")


if __name__ == "__main__":
    main()
