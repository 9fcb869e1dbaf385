#!/usr/bin/env python3
"""Opens reports in headless Chromium: no complaints, every plot has its marks, hover, keys, exports.

    browser_test.py PROGRAM [unittest arguments]

The reports are those of real runs that the program makes first. Exits with 77 (skipped) when
Chromium, or the program's Vega, is missing.
"""

import csv
import gzip
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from chromium import Browser, find_chromium  # noqa: E402

PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else ""
SIZES = {"wide": (1366, 900), "narrow": (390, 800)}
# Items of the marks whose name begins so, with their places in the window; a line or an area is one.
MARKS = """
(id, prefix) => {
  const figure = figures.find((one) => one.about.id === id);
  const box = figure.plot.querySelector('canvas').getBoundingClientRect();
  const [left, top] = figure.view.origin();
  const found = [];
  const walk = (mark) => {
    const whole = mark.marktype === 'line' || mark.marktype === 'area';
    for (const item of (mark.items || []).slice(0, whole ? 1 : undefined)) {
      if ((mark.name || '').startsWith(prefix) && mark.marktype !== 'group') {
        found.push({x: box.left + left + (item.bounds.x1 + item.bounds.x2) / 2,
                    y: box.top + top + (item.bounds.y1 + item.bounds.y2) / 2});
      }
      if (mark.marktype === 'group') (item.items || []).forEach(walk);
    }
  };
  walk(figure.view.scenegraph().root);
  return found;
}
"""

# Texts of all axes of the plots that are drawn.
LABELS = """
() => {
  const texts = [];
  const walk = (mark) => {
    for (const item of mark.items || []) {
      if (mark.role === 'axis-label') texts.push(String(item.text));
      (item.items || []).forEach(walk);
    }
  };
  for (const figure of figures) if (figure.view) walk(figure.view.scenegraph().root);
  return texts;
}
"""

SWEEP = """
quantities = ["log_loss", "stable_rank_all"]
[base]
data.source = "orthogonal"
data.d = 12
network.width = 4
descent.until = 100
[axes]
network.slope = [0, 0.5]
data.n = [4, 8, 16]
seed = [1, 2]
"""

REFINED = """
quantities = ["log_loss"]
[base]
data.source = "orthogonal"
data.d = 12
data.n = 8
network.width = 4
descent.until = 100
[axes]
network.slope = {from = 0, to = 1, count = 3}
network.init_std = {from = 1e-3, to = 1, count = 3, log = true}
[refine]
quantity = "log_loss"
tolerance = 0.05
levels = 2
"""

# Places in the window of every recorded point of a figure's curves, with the value that it shows.
PLACES = """
(id) => {
  const figure = figures.find((one) => one.about.id === id);
  const box = figure.plot.querySelector('canvas').getBoundingClientRect();
  const [left, top] = figure.view.origin();
  const x = figure.view.scale('x'), y = figure.view.scale('y');
  return figure.rows.map((row) => ({x: box.left + left + x(row.x), y: box.top + top + y(row.y), text: row.v}));
}
"""


def plain(text):
    """Words without what the page typesets (powers, code, 1e-06) and with single blanks."""
    digits = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
    text = re.sub(r"(\d(?:\.\d+)?)e([-+]\d+)", lambda m: f"{m[1]} · 10{str(int(m[2])).translate(digits)}", text)
    return re.sub(r"\s+", " ", text.replace("^", "").replace("`", "").replace("−", "-")).strip()


def call(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)


def write_images(folder, part, count):
    """Made-up images in the files of MNIST: a bar across at the height of the digit, and noise."""
    folder.mkdir(exist_ok=True)
    draw = random.Random(count)
    labels = bytes(i % 10 for i in range(count))
    pixels = bytearray()
    for label in labels:
        image = bytearray(784)
        for at in range(28 * (2 * label + 4), 28 * (2 * label + 5)):
            image[at] = 200
        for _ in range(40):
            image[draw.randrange(784)] = draw.randrange(256)
        pixels += image
    for kind, header, body in (("images-idx3", (0x803, count, 28, 28), pixels), ("labels-idx1", (0x801, count), labels)):
        with gzip.open(folder / f"{part}-{kind}-ubyte.gz", "wb", compresslevel=1) as file:
            file.write(b"".join(number.to_bytes(4, "big") for number in header) + bytes(body))


class ReportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="latetime_report_")
        base = pathlib.Path(cls.folder.name)
        common = ["--quiet", "--set", "data.d=60", "--set", "data.n=6", "--set", "network.width=8"]
        runs = {"late": ["--set", "network.slope=0", "--set", "descent.until=1e40"],
                "exact": ["--set", "descent.until=2000"],
                "one": ["--set", "descent.until=1", "--set", "network.slope=0"],
                "mini": ["--set", "descent.method=sgd", "--set", "data.n=80", "--set", "descent.epochs=20"]}
        for name, more in runs.items():
            made = call("run", "--out", base / name, *common, *more)
            assert made.returncode in (0, 3), made.stderr
        assert call("check", base / "exact", "--steps", 500).returncode == 0
        cls.claims = json.loads((base / "exact/claims.json").read_text())
        assert call("report", base / "late", base / "exact", base / "late/").returncode == 0
        cls.figure1 = "fig1_" + 60 * "W"  # a name wider than a narrow window
        assert call("reproduce", "fig1", "--quick", "--quiet", "--out", base / cls.figure1).returncode == 0
        write_images(base / "images", "train", 6000)
        write_images(base / "images", "t10k", 2000)
        made = call("reproduce", "fig4", "--quick", "--quiet", "--reading", "two-class", "--folder", base / "images",
                    "--out", base / "fig4")
        assert made.returncode == 0, made.stderr
        made = call("train", "--quiet", "--out", base / "training", "--set", "data.source=mnist", "--set",
                    f"data.folder={base / 'images'}", "--set", "data.classes=all", "--set", "data.n=2000", "--set",
                    "network.width=20", "--set", "descent.method=sgd", "--set", "descent.epochs=3")
        assert made.returncode == 0, made.stderr
        (base / "map.toml").write_text(SWEEP)
        made = call("sweep", base / "map.toml", "--quiet", "--out", base / "sweep")
        assert made.returncode == 0, made.stderr
        assert call("report", base / "sweep").returncode == 0
        (base / "refined.toml").write_text(REFINED)
        assert call("sweep", base / "refined.toml", "--quiet", "--out", base / "refined").returncode == 0
        assert call("report", base / "refined").returncode == 0
        cls.base = base
        cls.browser = Browser(timeout=30)

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.folder.cleanup()

    def open(self, name, size="wide", dark=False):
        width, height = SIZES[size]
        page = self.browser.open((self.base / name).as_uri(), width=width, height=height, dark=dark)
        self.addCleanup(page.close)
        self.addCleanup(lambda: self.assertEqual(page.complaints, []))
        return page

    def figures(self, page):
        return page.evaluate("figures.map((one) => one.about.id)")

    def show(self, page, figure):
        """Scrolls to a figure and waits until it is drawn for the present choices."""
        drawn = "f.view !== null && !f.stale && f.card.dataset.drawn == f.turn"
        for _ in range(2):  # neighbours that are drawn move it: once more when all in sight are
            page.evaluate(f"document.getElementById('{figure}').scrollIntoView({{block: 'center'}})")
            page.wait_for(f"(() => {{ const f = figures.find((one) => one.about.id === '{figure}');"
                          f" return {drawn} && figures.every((f) => !f.inView || ({drawn})); }})()",
                          f"{figure} was not drawn")

    def marks(self, page, figure, prefix):
        return page.evaluate(f"({MARKS})('{figure}', '{prefix}')")

    def check_marks(self, page, figure):
        """What must be drawn in a figure, by its kind; returns places to hover over."""
        kind = re.sub(r"^run\d+-", "", figure)
        if figure.startswith("sweep"):
            marks = self.marks(page, figure, "cell" if figure.endswith("map") else "dot")
            self.assertEqual(len(marks), 6 if figure.endswith("map") else 4, figure)  # refused points have no dots
            return marks
        if kind in ("activation", "rho", "last-switch"):
            maps = page.evaluate(f"(() => {{ const k = '{figure}'.match(/^run(\\d+)-/);"
                                 " const maps = report.runs[k ? k[1] - 1 : 0].maps;"
                                 " return maps.rows.length * maps.columns.length; })()")
            cells = self.marks(page, figure, "cell")
            self.assertEqual(len(cells), maps, figure)
            return cells
        if kind == "margins":
            bars = self.marks(page, figure, "bar")
            self.assertGreater(len(bars), 0, figure)
            return bars
        curves = page.evaluate(f"(() => {{ const f = figures.find((one) => one.about.id === '{figure}');"
                               " return new Set(f.rows.map((row) => row.s)).size; })()")
        self.assertEqual(len(self.marks(page, figure, "curve")), curves, figure)
        return page.evaluate(f"({PLACES})('{figure}')")

    def check_hover(self, page, figure, places):
        width, height = page.evaluate("[innerWidth, innerHeight]")
        inside = [p for p in places if 0 < p["x"] < width and 0 < p["y"] < height]
        self.assertTrue(inside, f"no mark of {figure} lies in the window")
        place = inside[len(inside) // 2]
        page.move_pointer(place["x"] - 3, place["y"])
        page.move_pointer(place["x"], place["y"])
        page.wait_for("(document.querySelector('#vg-tooltip-element.visible') || {}).textContent", f"{figure}: no tooltip")
        text = page.evaluate("document.querySelector('#vg-tooltip-element').innerText")
        self.assertRegex(text, r"\S+\s+\S+", figure)
        self.assertNotRegex(text, "undefined|NaN|null", figure)
        self.assertIn(place.get("text", ""), text, figure)
        page.move_pointer(1, 1)

    def saved(self, page, figure, kind):
        """The bytes of the file that a click on an export button makes."""
        target = self.browser.downloads / f"{figure}.{kind}"
        target.unlink(missing_ok=True)
        page.evaluate(f"document.querySelector('#{figure} button.{kind}').click()")
        page.wait_for(lambda: target.exists() and target.stat().st_size > 0, f"{figure}: no {kind}")
        size = -1
        while size != target.stat().st_size:  # written in one go, but seen from outside
            size = target.stat().st_size
            time.sleep(0.05)
        return target.read_bytes()

    def check_exports(self, page, figure):
        png = self.saved(page, figure, "png")
        self.assertEqual(png[:8], b"\x89PNG\r\n\x1a\n", figure)
        self.assertGreater(int.from_bytes(png[16:20], "big"), 300, figure)
        svg = self.saved(page, figure, "svg").decode()
        root = xml.etree.ElementTree.fromstring(svg)
        self.assertTrue(root.tag.endswith("svg"))
        self.assertGreater(svg.count("<path"), 3, figure)
        self.assertIn("latetime", svg, f"{figure}: the command that made it is missing")

    def check_fits(self, page):
        """Nothing is wider than the window, and no plot wider than its card."""
        self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth - innerWidth"), 0)
        self.assertEqual(page.evaluate("figures.filter((f) => f.view && f.inView && f.plot.querySelector('canvas')"
                                       ".getBoundingClientRect().width > f.plot.clientWidth + 1).map((f) => f.about.id)"), [])

    def check_page(self, name, size, dark, exports):
        page = self.open(name, size, dark)
        figures = self.figures(page)
        self.assertEqual(len(figures), len(set(figures)))
        for figure in figures:
            with self.subTest(page=name, size=size, figure=figure):
                self.show(page, figure)
                self.check_hover(page, figure, self.check_marks(page, figure))
                if exports:
                    self.check_exports(page, figure)
        self.check_fits(page)
        self.assertNotRegex(page.evaluate("document.body.innerText"), r"undefined|\bNaN\b|\bnull\b|\[object")
        words = page.evaluate("[...document.querySelectorAll('#page p, #page td')].map((one) => one.innerText).join(' ')")
        self.assertNotRegex(words, r"`|\^", "words are typeset")
        labels = page.evaluate(f"({LABELS})()")
        self.assertEqual([label for label in labels if "^" in label], [], "labels of axes")
        return page

    def test_a_late_run_at_both_sizes(self):
        for size, dark in (("wide", False), ("narrow", True)):
            page = self.check_page("late/report.html", size, dark, exports=True)
            self.assertEqual(page.evaluate("document.documentElement.dataset.theme"), "dark" if dark else "light")

    def test_an_exact_run(self):
        page = self.check_page("exact/report.html", "narrow", False, exports=False)
        self.assertIn("latetime limit", page.evaluate("document.body.innerText"))

        self.assertNotIn("Dashed", page.evaluate("document.body.innerText"), "there is no limit")
        self.assertNotIn("limit t = ∞, or", page.evaluate("document.querySelector('.key').innerText"))

    def test_mini_batches(self):
        page = self.check_page("mini/report.html", "wide", True, exports=False)
        self.assertNotIn("last-switch", self.figures(page))
        text = page.evaluate("document.body.innerText")
        self.assertIn("not counted", text)
        self.assertNotIn("never", text)

    def test_one_record_after_the_start_is_seen(self):
        page = self.check_page("one/report.html", "wide", False, exports=False)
        for figure in ("stable-ranks", "loss", "smallest-margin", "norms", "spectrum"):
            self.show(page, figure)
            curves = page.evaluate(f"figures.find((one) => one.about.id === '{figure}').rows.length")
            self.assertGreater(curves, 0, figure)
            self.assertEqual(len(self.marks(page, figure, "dot")), curves, figure)

    def test_axes_of_exponents_have_whole_numbers_or_powers(self):
        page = self.open("late/report.html")
        ticks = page.evaluate("[[0, 100], [-0.3, -0.1], [-1.2, 0.4], [3, 3], [0, 1e5]].map(exponentTicks)")
        for (low, high), found in zip(([0, 100], [-0.3, -0.1], [-1.2, 0.4], [3, 3], [0, 1e5]), ticks):
            self.assertTrue(all(low - 1e-9 <= k <= high + 1e-9 for k in found), (low, high, found))
            self.assertLessEqual(len(found), 12)
            if high > low:
                self.assertGreaterEqual(len(found), 2, (low, high))
        self.assertEqual(page.evaluate("[3, 3.25, -0.15, -8, 37.25].map(power)"), ["1000", "1778", "0.7079", "10⁻⁸", "1.778 · 10³⁷"])

    def test_runs_side_by_side(self):
        for size in SIZES:
            page = self.check_page("late/comparison.html", size, False, exports=False)
        self.assertEqual(page.evaluate("report.runs.map(runLabel)"), ["1: late", "exact", "3: late"])

    def test_figure_1(self):
        for size in SIZES:
            self.check_page(f"{self.figure1}/report.html", size, False, exports=size == "wide")

    def test_figure_4(self):
        for size in SIZES:
            page = self.check_page("fig4/report.html", size, size == "narrow", exports=size == "wide")
        self.assertEqual(len(self.figures(page)), 5)
        text = page.evaluate("document.body.innerText")
        for part in ("quick look", "2 epochs, 2 runs, 6000 training", "2000", "drawn with seed 1"):
            self.assertIn(part.lower(), text.lower())
        self.assertEqual(page.evaluate("figures[0].series"), ["10", "50", "100", "500", "1000"])

    def test_a_training(self):
        for size in SIZES:
            page = self.check_page("training/report.html", size, False, exports=size == "wide")
        self.assertEqual(self.figures(page), [f"training1-{name}" for name in ("ranks", "errors", "losses", "norm", "margin")])
        self.assertEqual(page.evaluate("figures[0].series"), ["all weights", "mean of the groups", "largest of the groups"])

    def test_a_sweep(self):
        for size in ("wide", "narrow"):
            page = self.check_page("sweep/report.html", size, size == "narrow", exports=size == "wide")
        self.assertIn("Ended: 8 reached-end, 4 refused", page.evaluate("document.body.innerText"))
        self.assertEqual(page.evaluate("document.title"), "Latetime: sweep")

    def test_a_refined_sweep(self):
        page = self.open("refined/report.html")
        self.show(page, "sweep1-map")
        sweep = "report.sweeps[0]"
        self.assertEqual(page.evaluate(f"{sweep}.refine.values['network.init_std'].length"), 9)
        # Every cell of the finest grid is drawn, in fewer boxes than there are cells, and the jumps between them.
        cells = self.marks(page, "sweep1-map", "cell")
        self.assertLess(len(cells), 9 * 9)
        self.assertGreater(len(self.marks(page, "sweep1-map", "boundary")), 5)
        covered = ("(() => { const s = report.sweeps[0], v = { quantity: 'log_loss', x: 'network.slope', y: 'network.init_std' };"
                   " return refinedHeatSpec(s, v, 400).layer[0].data.values.reduce((sum, b) => sum + Math.round(b.x1 - b.x0), 0); })()")
        self.assertEqual(page.evaluate(covered), 9 * 9)

    def test_axes_of_a_sweep_can_be_chosen(self):
        page = self.open("sweep/report.html")
        self.show(page, "sweep1-map")
        choose = ("(name, value) => { const f = figures.find((one) => one.about.id === 'sweep1-map');"
                  " const k = f.about.choices.findIndex((one) => one.name === name);"
                  " const select = f.card.querySelectorAll('select')[k]; select.value = value;"
                  " select.dispatchEvent(new Event('change')); return select.value; }")
        self.assertEqual(page.evaluate(f"({choose})('y', 'seed')"), "seed")
        self.show(page, "sweep1-map")
        self.assertEqual(len(self.marks(page, "sweep1-map", "cell")), 6)  # three n, two seeds
        self.assertEqual(page.evaluate(f"({choose})('quantity', 'log_loss')"), "log_loss")
        self.show(page, "sweep1-map")
        command = page.evaluate("pointCommand(report.sweeps[0], 1)")
        made = subprocess.run(command.replace("latetime", PROGRAM, 1).replace("--out point", f"-q --out {self.base / 'point'}"),
                              shell=True, capture_output=True, text=True)
        self.assertEqual(made.returncode, 0, made.stderr)
        with open(self.base / "point/metrics.csv", encoding="utf-8") as table:
            last = list(csv.DictReader(table))[-1]
        self.assertAlmostEqual(page.evaluate("report.sweeps[0].columns.log_loss[1]"), float(last["log_loss"]), delta=1e-7)

    def test_limit_engines_and_events_are_drawn(self):
        page = self.open("late/report.html")
        for time_axis in ("t", "log"):
            page.evaluate(f"(() => {{ const s = document.getElementById('time'); s.value = '{time_axis}';"
                          " s.dispatchEvent(new Event('change')); })()")
            ranks = page.evaluate("report.runs[0].limit.stable_rank.filter((rank) => rank !== null).length")
            for figure, limits in (("stable-ranks", ranks), ("normalized-margin", 1), ("smallest-margin", 1), ("loss", 1),
                                   ("norms", 1)):
                self.show(page, figure)
                self.assertEqual(len(self.marks(page, figure, "limit")), limits, figure)
                self.assertEqual(len(self.marks(page, figure, "hand_over")), 1, figure)
                self.assertGreaterEqual(len(self.marks(page, figure, "engine")), 2, figure)
                self.assertGreater(len(self.marks(page, figure, "event")), 0, figure)
                self.check_marks(page, figure)
        self.show(page, "stable-ranks")
        bands = page.evaluate("figures.find((one) => one.about.id === 'stable-ranks').rows.filter((row) => row.hi > row.lo).length")
        self.assertGreater(bands, 10)

    def test_the_limit_is_what_the_curves_approach(self):
        page = self.open("late/report.html")
        self.show(page, "normalized-margin")
        curve, limit = page.evaluate("[report.runs[0].records.columns.normalized_margin.at(-1), report.runs[0].limit.normalized_margin]")
        self.assertLess(abs(curve / limit - 1), 0.02)

    def test_every_plot_shows_command_and_configuration(self):
        page = self.open("late/report.html")
        for figure in self.figures(page):
            text = page.evaluate(f"(() => {{ const d = document.querySelector('#{figure} .tools:last-child details'); d.open = true;"
                                 " return new Promise((done) => setTimeout(() => done(d.innerText), 50)); })()")
            self.assertIn("latetime run", text)
            self.assertIn("[descent]", text)

    def test_arrow_keys_read_values(self):
        page = self.open("late/report.html")
        self.show(page, "stable-ranks")
        page.evaluate("document.querySelector('#stable-ranks .plot').focus()")
        texts = []
        for key in ("ArrowRight", "ArrowRight", "End"):
            page.press(key)
            texts.append(page.evaluate("document.querySelector('#stable-ranks .readout').textContent"))
        self.assertEqual(len(set(texts)), 3, texts)
        for text in texts:
            self.assertRegex(text, "t: .*W₊: .*W₋: ")
        self.assertEqual(len(self.marks(page, "stable-ranks", "cursor_dot")), 3)

    def test_the_tab_key_reaches_the_controls(self):
        page = self.open("exact/report.html")
        reached = set()
        for _ in range(60):
            page.call("Input.dispatchKeyEvent", {"type": "keyDown", "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9})
            page.call("Input.dispatchKeyEvent", {"type": "keyUp", "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9})
            reached.add(page.evaluate("(() => { const e = document.activeElement; return e.id || e.className.split(' ')[0] || e.tagName; })()"))
        self.assertLessEqual({"skip", "time", "appearance", "plot", "png", "svg", "SUMMARY"}, reached)

    def test_appearance_can_be_chosen_and_follows_the_system(self):
        page = self.open("late/report.html", dark=False)
        self.show(page, "loss")
        ground = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(ground)
        page.evaluate("(() => { const s = document.getElementById('appearance'); s.value = 'dark'; s.dispatchEvent(new Event('change')); })()")
        self.show(page, "loss")
        self.assertNotEqual(page.evaluate(ground), light)
        self.assertEqual(page.evaluate("figures.find((one) => one.about.id === 'loss').view.background()"), "#161b22")
        page.evaluate("localStorage.clear()")

    def test_a_window_that_changes_its_size(self):
        page = self.open("late/report.html")
        self.show(page, "loss")
        page.resize(390, 800)
        page.wait_for("figures.find((one) => one.about.id === 'loss').width < 390", "the plot kept its width")
        self.show(page, "loss")
        self.check_fits(page)

    def test_claims(self):
        """Every claim on this run has a row with its verdict, which opens to all that was measured."""
        applying = [claim for claim in self.claims["claims"] if claim["applies"]]
        for size in SIZES:
            page = self.open("exact/report.html", size)
            rows = page.evaluate("[...document.querySelectorAll('details.claim')].map((row) => row.innerText)")
            self.assertEqual(len(rows), len(applying))
            for claim, row in zip(applying, rows):
                verdict = claim["verdict"]
                if verdict == "HypothesisUnmet":
                    verdict = f"Unmet ({claim['conclusion_seen']})"
                for part in (claim["id"], claim["name"], claim["place"], verdict):
                    self.assertIn(part, row)
            broken = page.evaluate("[...document.querySelectorAll('details.claim summary > :not(:nth-child(2))')].filter("
                                   "(cell) => cell.getClientRects().length > 0 && cell.offsetHeight > 30).map((cell) => cell.innerText)")
            self.assertEqual(broken, [], "values on two lines")
            page.evaluate("document.querySelectorAll('details.claim').forEach((row) => { row.open = true; })")
            page.wait_for("[...document.querySelectorAll('details.claim')].every((row) => row.querySelector('dl'))", "rows stay shut")
            text = plain(page.evaluate("document.querySelector('section.claims').innerText"))
            for claim in applying:
                parts = [claim["reason"], claim["conclusion"], claim["criterion"], *(f["name"] for f in claim["figures"])]
                parts += [hypothesis["statement"] for hypothesis in claim["hypotheses"]]
                for measured in claim["measured"]:
                    parts += [measured["quantity"], measured["least"]["at"]["text"], measured["most"]["at"]["text"]]
                for part in parts:
                    self.assertIn(plain(part), text, claim["id"])
            self.assertNotRegex(text, r"undefined|\bNaN\b|\bnull\b|\[object")
            self.check_fits(page)
        page = self.open("late/report.html")
        self.assertIn("latetime check", page.evaluate("document.body.innerText"))

    def test_plots_wait_until_they_are_seen(self):
        page = self.open("late/report.html", "narrow")
        page.wait_for("figures.length > 0", "no figures")
        self.assertLess(page.evaluate("figures.filter((f) => f.view !== null).length"), len(self.figures(page)) // 2)

    def test_paper_has_every_plot_and_is_light(self):
        for name in ("late/report.html", "refined/report.html"):
            page = self.open(name, dark=True)
            page.wait_for("figures.length > 0", "no figures")
            # Called after the page's own listener, whose promises are kept by then.
            page.evaluate("addEventListener('beforeprint', () => { window.printed = figures.map((f) => f.view ? f.view.background() : ''); })")
            page.call("Page.printToPDF")
            page.wait_for("window.printed", "nothing was printed")
            self.assertEqual(set(page.evaluate("window.printed")), {"#ffffff"})
            page.wait_for("document.documentElement.dataset.theme === 'dark'", "the window stays light")


if __name__ == "__main__":
    if not PROGRAM:
        sys.exit(__doc__)
    if find_chromium() is None:
        print("skipped: chromium is not installed")
        sys.exit(77)
    if "without Vega" in call("report", "/").stderr:
        print("skipped: the program was built without Vega")
        sys.exit(77)
    unittest.main(verbosity=1)
