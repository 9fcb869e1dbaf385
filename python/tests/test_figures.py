"""The figures: what they draw, their sizes, their files."""

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from latetime import figures  # noqa: E402


def table(by, values, quantities, x="epoch", points=11):
    """A tidy table of made-up curves."""
    rows = [f"{by},{x}," + ",".join(f"{q}_mean,{q}_std" for q in quantities)]
    for k, value in enumerate(values):
        for i in range(points):
            cells = ",".join(f"{1 + (k + 1) / (i + 1)},{0.01 * (k + 1)}" for _ in quantities)
            rows.append(f"{value},{i},{cells}")
    return rows


@pytest.fixture
def folder(tmp_path):
    ranks = ["stable_rank_pos", "stable_rank_all", "loss", "test_error", "test_accuracy"]
    (tmp_path / "fig1.csv").write_text("\n".join(table("slope", [0, 0.5, 1], ranks)))
    for name in ("fig2", "fig3"):
        (tmp_path / f"{name}.csv").write_text("\n".join(table("init_std", [1e-5, 5e-5, 1e-4, 5e-4, 1e-3], ranks)))
    for name in ("fig4", "fig5"):
        (tmp_path / f"{name}.csv").write_text("\n".join(table("width", [10, 50, 100, 500, 1000], ranks)))
    return tmp_path


def test_figure1_draws_mean_and_three_deviations(folder):
    made = figures.fig1(folder)
    ranks, losses = made.axes
    data = figures.read_table(folder / "fig1.csv")
    for axes, quantity, floor in ((ranks, "stable_rank_pos", 1.0), (losses, "loss", 0.0)):
        lines, bands = axes.get_lines(), axes.collections
        assert len(lines) == len(bands) == 3
        for group, line, band in zip(data.groups("slope"), lines, bands):
            assert np.array_equal(line.get_ydata(), group[f"{quantity}_mean"])
            heights = band.get_paths()[0].vertices[:, 1]
            spread = 3 * group[f"{quantity}_std"]
            assert heights.max() == pytest.approx((group[f"{quantity}_mean"] + spread).max())
            assert heights.min() == pytest.approx(np.maximum(group[f"{quantity}_mean"] - spread, floor).min())
    assert [text.get_text() for text in losses.get_legend().get_texts()] == ["0", "0.5", "1"]


@pytest.mark.parametrize("name", list(figures.PAPER_FIGURES))
def test_every_paper_figure_is_two_panels_of_the_size_asked_for(name, folder):
    for width in (figures.COLUMN, figures.PAGE):
        made = figures.draw(name, folder, width=width)
        assert len(made.axes) == 2 and made.get_size_inches()[0] == width
        assert all(axes.get_xlabel() and axes.get_ylabel() for axes in made.axes)


def test_lines_differ_without_colour():
    lines = figures.line_styles(11)
    assert len({(str(line["linestyle"]), line["marker"]) for line in lines}) == 11
    grey = [0.299 * r + 0.587 * g + 0.114 * b for r, g, b, _ in figures.colors(11)]
    assert np.all(np.diff(grey) > 0.02)  # in grey they are ordered and apart


def test_files_are_the_same_bytes_each_time(folder):
    for attempt in ("a", "b"):
        figures.save(figures.fig1(folder), folder / attempt)
    for suffix in ("pdf", "svg", "png"):
        one, other = (folder / f"a.{suffix}").read_bytes(), (folder / f"b.{suffix}").read_bytes()
        assert one == other and len(one) > 5000
    assert b"<text" in (folder / "a.svg").read_bytes()  # text stays text
    assert b"/FontFile2" in (folder / "a.pdf").read_bytes() or b"TrueType" in (folder / "a.pdf").read_bytes()


def test_the_command_draws_what_lies_in_a_folder(folder):
    for name in ("fig3", "fig4", "fig5"):
        (folder / f"{name}.csv").unlink()
    done = subprocess.run([sys.executable, "-m", "latetime.figures", folder, "--width", "column"],
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for number in (1, 2):
        for suffix in ("pdf", "svg", "png"):
            assert (folder / f"figure{number}.{suffix}").exists()
    empty = folder / "empty"
    empty.mkdir()
    done = subprocess.run([sys.executable, "-m", "latetime.figures", empty], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "latetime reproduce" in done.stderr


def test_reproduce_draws_by_python(program, tmp_path):
    code, out, error = program("reproduce", "fig1", "--quick", "--out", tmp_path / "f")
    assert code == 0, error
    for picture in ("figure1.pdf", "figure1.svg", "figure1.png"):
        assert (tmp_path / "f" / picture).exists() and picture in out
    assert "-m latetime.figures" in out


def test_figure1_to_late_time_shows_runs_and_limits():
    runs = figures.late_runs((0.0, 0.5), n=5, d=30, width=5, until="1e60")
    made = figures.fig1_late(runs)
    ranks, losses = made.axes
    drawn = {line.get_label(): line for line in losses.get_lines()}
    one = runs[0.0][0]
    assert np.array_equal(drawn["0"].get_ydata(), one.log_loss + np.log(10) * one.t, equal_nan=True)
    marks = [line for line in ranks.get_lines() if len(line.get_xdata()) == 1]
    assert len(marks) == 2 and marks[0].get_xdata()[0] > 60
    excess = runs[0.0][0].limit.stable_rank_excess.pos
    if excess > ranks.get_ylim()[0]:
        assert marks[0].get_ydata()[0] == excess


def test_tables_without_rows_are_refused(tmp_path):
    (tmp_path / "fig1.csv").write_text("slope,epoch\n")
    with pytest.raises(ValueError, match="no rows"):
        figures.fig1(tmp_path)


@pytest.fixture(scope="module")
def sweep():
    import latetime as lt

    return lt.sweep(
        axes={"slope": [0, 0.5], "n": [3, 5, 40], "init_std": [1e-3, 1e-2], "seed": [1, 2]},
        base={"d": 30, "width": 4, "until": 10, "source": "orthogonal"},
        quantities=["log_loss"],
    )


def test_phase_diagram_shows_means_over_the_rest(sweep):
    made = figures.phase_diagram(sweep, "log_loss", x="slope", y="n", fixed={"init_std": 1e-3})
    (image,) = made.axes[0].get_images()
    cells = image.get_array()
    assert cells.shape == (3, 2) and cells.mask[2].all() and not cells.mask[:2].any()  # no 40 orthogonal samples
    here = (sweep["slope"] == 0.5) & (sweep["n"] == 5) & (sweep["init_std"] == 1e-3)
    assert here.sum() == 2 and cells[1, 1] == pytest.approx(sweep["log_loss"][here].mean(), rel=1e-14)
    assert made.axes[0].get_xlabel() == r"slope $\gamma$" and made.axes[0].get_ylabel() == "$n$"
    assert figures.phase_diagram(sweep.path, "log_loss").axes[0].get_xlabel() == "$n$"  # most values first


def test_ticks_of_a_phase_diagram_are_powers_where_digits_are_many():
    import latetime as lt

    swept = lt.sweep(axes={"learning_rate": [2.5e-6, 0.5, 1e4], "seed": [1, 2]}, base={"d": 20, "width": 3, "until": 10})
    made = figures.phase_diagram(swept, "log_loss", x="learning_rate", y="seed")
    assert [tick.get_text() for tick in made.axes[0].get_xticklabels()] == [r"$2.5 \cdot 10^{-6}$", "0.5", "$10^{4}$"]


def test_quantities_of_claims_have_names_on_a_phase_diagram():
    import latetime as lt

    swept = lt.sweep(axes={"n": [4, 6], "seed": [1, 2]}, base={"d": 40, "width": 3, "until": 30}, quantities=["claim_5_4", "claim_5_4_largest_c", "claim_5_4_seen"])
    for quantity, label in (("claim_5_4", "verdict of 5.4"), ("claim_5_4_largest_c", "hypotheses of 5.4: largest $C$"), ("claim_5_4_seen", "conclusion of 5.4")):
        assert figures.phase_diagram(swept, quantity).axes[1].get_ylabel() == label


def test_phase_diagram_of_a_refined_sweep_is_filled_and_has_its_boundary():
    import latetime as lt

    refined = lt.sweep(
        axes={"slope": {"from": 0, "to": 1, "count": 2}, "init_std": {"from": 1e-3, "to": 1, "count": 2, "log": True}},
        base={"n": 4, "d": 30, "width": 4, "until": 10, "source": "orthogonal"},
        quantities=["log_loss", "norm_w"],
        refine={"quantity": "norm_w", "tolerance": 1.0, "levels": 3},
    )
    made = figures.phase_diagram(refined, "norm_w", x="slope", y="init_std")
    cells = made.axes[0].get_images()[0].get_array()
    assert cells.shape == (9, 9) and not np.ma.is_masked(cells) and len(refined) < 81
    # Each made point has its own value; what lies between has that of the nearest.
    for across, up, norm in zip(refined["slope"], refined["init_std"], refined["norm_w"]):
        at = np.flatnonzero(refined.axes["init_std"] == up)[0], np.flatnonzero(refined.axes["slope"] == across)[0]
        assert cells[at] == norm
    assert cells[1, 0] == cells[0, 1] == cells[0, 0] and cells[1, 8] == cells[0, 8]
    sides = made.axes[0].collections[0].get_segments()
    jumps = (np.abs(np.diff(cells, axis=0)) > 1.0).sum() + (np.abs(np.diff(cells, axis=1)) > 1.0).sum()
    assert len(sides) == jumps > 8
    assert not figures.phase_diagram(refined, "log_loss", x="slope", y="init_std").axes[0].collections
    assert figures.phase_diagram(refined, "log_loss", boundary=0.0).axes[0].collections


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"quantity": "outcome"}, "quantity: outcome holds words"),
        ({"quantity": "log_los"}, "quantity: the sweep has no column log_los; did you mean log_loss"),
        ({"quantity": "log_loss", "x": "d"}, "x: d is no axis of the sweep; it has slope"),
        ({"quantity": "log_loss", "x": "n", "y": "n"}, "y: is n, as x is"),
        ({"quantity": "log_loss", "fixed": {"seed": 9}}, "fixed: no point has"),
    ],
)
def test_phase_diagram_names_what_is_wrong(sweep, arguments, words):
    with pytest.raises(ValueError, match=words):
        figures.phase_diagram(sweep, **arguments)
