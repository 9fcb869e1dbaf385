"""Sweeps: the same points as the command line's, by threads, processes, and after interruptions."""

import concurrent.futures
import importlib.util
import json
import pathlib
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import latetime as lt

BASE = {"n": 5, "d": 60, "width": 8, "until": 2000}
AXES = {"slope": [0, 0.5], "seed": range(1, 5)}
FILE = """
[base]
data.n = 5
data.d = 60
network.width = 8
descent.until = 2000
[axes]
network.slope = [0, 0.5]
seed = {from = 1, to = 4, step = 1}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("sweep") / "out"
    return lt.sweep(axes=AXES, base=BASE, out=out, jobs=2)


def table(sweep):
    return pathlib.Path(sweep.path, "points.csv").read_bytes()


def test_points_are_those_of_runs(made):
    assert len(made) == 8 and made.outcomes == {"reached-end": 8}
    assert list(made.axes) == ["slope", "seed"]
    assert made.axes["seed"].tolist() == [1, 2, 3, 4] and made.axes["slope"].tolist() == [0.0, 0.5]
    run = lt.run(made.config(6))
    assert (run.config.network.slope, run.config.seed) == (0.5, 3) == (made["slope"][6], made["seed"][6])
    for name in ("log_loss", "stable_rank_pos", "norm_w"):
        assert made[name][6] == run[name][-1], name
    assert made["data.n" if "data.n" in made.columns else "seed"][0] == 1
    with pytest.raises(KeyError, match="did you mean log_loss"):
        made["log_los"]


def test_the_command_line_makes_the_same_file(made, program, tmp_path):
    (tmp_path / "map.toml").write_text(FILE)
    code, _, err = program("sweep", tmp_path / "map.toml", "--out", tmp_path / "out", "-q")
    assert code == 0, err
    assert (tmp_path / "out/points.csv").read_bytes() == table(made)
    assert (tmp_path / "out/sweep.nc").read_bytes() == pathlib.Path(made.path, "sweep.nc").read_bytes()
    assert table(lt.sweep(tmp_path / "map.toml")) == table(made)
    assert repr(lt.load(tmp_path / "out")) == repr(made)


@pytest.mark.parametrize("kind", [concurrent.futures.ThreadPoolExecutor, concurrent.futures.ProcessPoolExecutor])
def test_executors_make_the_same_file(made, kind, tmp_path):
    with kind(2) as executor:
        sweep = lt.sweep(axes=AXES, base=lt.Config().with_keys(**BASE), out=tmp_path / "out", executor=executor)
        assert table(sweep) == table(made)
        # All are known now: nothing is handed out again.
        again = lt.sweep(axes=AXES, base=BASE, out=tmp_path / "out", resume=True, executor=NoExecutor())
    assert table(again) == table(made)


class NoExecutor:
    def submit(self, *arguments):
        raise AssertionError("a point was made twice")


REFINED = {
    "axes": {
        "slope": {"from": 0, "to": 1, "count": 3},
        "seed": [1, 2],
        "learning_rate": {"from": 1e-3, "to": 1, "count": 4, "log": True},
    },
    "base": {"n": 4, "d": 20, "width": 3, "until": 300},
    "quantities": ["log_loss"],
    "refine": {"quantity": "log_loss", "tolerance": 0.7, "levels": 2, "axes": ["slope", "learning_rate"]},
}


def test_refined_points_lie_where_the_quantity_jumps(tmp_path):
    sweep = lt.sweep(**REFINED, out=tmp_path / "out", jobs=2)
    assert 24 < len(sweep) < 9 * 2 * 13 and len(sweep["log_loss"]) == len(sweep)
    assert len(sweep.axes["slope"]) == 9 and len(sweep.axes["learning_rate"]) == 13
    assert sweep.refined == {"quantity": "log_loss", "tolerance": 0.7, "threshold": None, "levels": 2}
    last = sweep.config(-1)
    assert (last.network.slope, last.descent.learning_rate, last.seed) == (1.0, 1.0, 2)
    assert lt.run(sweep.config(40))["log_loss"][-1] == sweep["log_loss"][40]
    again = lt.load(tmp_path / "out")
    assert repr(again) == repr(sweep) and again.refined == sweep.refined
    # Where neighbours of the finest grid that were made differ by more than the tolerance, both were.
    xarray = pytest.importorskip("xarray")
    data = xarray.open_dataset(tmp_path / "out/sweep.nc")
    assert data.log_loss.dims == ("slope", "seed", "learning_rate") and data.log_loss.shape == (9, 2, 13)
    words = data.outcome.attrs["flag_meanings"].split()
    assert (data.outcome == words.index("not-made")).sum() == 9 * 2 * 13 - len(sweep)
    assert data.log_loss.notnull().sum() == len(sweep)
    data.close()


def test_executors_refine_to_the_same_file(tmp_path):
    whole = lt.sweep(**REFINED, jobs=1)
    with concurrent.futures.ProcessPoolExecutor(2) as executor:
        assert table(lt.sweep(**REFINED, out=tmp_path / "out", executor=executor)) == table(whole)
        again = lt.sweep(**REFINED, out=tmp_path / "out", resume=True, executor=NoExecutor())
    assert table(again) == table(whole)


def test_a_refinement_that_runs_out_of_points_says_so():
    few = {**REFINED, "refine": {**REFINED["refine"], "most_points": 40}}
    with pytest.warns(UserWarning, match="most_points was too few"):
        assert 24 <= len(lt.sweep(**few)) <= 40


def test_what_an_executor_made_before_it_failed_is_kept(made, tmp_path):
    class Failing(concurrent.futures.ThreadPoolExecutor):
        handed_out = 0

        def submit(self, function, *arguments):
            self.handed_out += 1
            return super().submit(function if self.handed_out < 6 else broken, *arguments)

    def broken(*arguments):
        raise OSError("the machine is gone")

    with Failing(1) as executor, pytest.raises(OSError, match="gone"):
        lt.sweep(axes=AXES, base=BASE, out=tmp_path / "out", executor=executor)
    assert lt.load(tmp_path / "out").outcomes == {"missing": 3, "reached-end": 5}
    assert table(lt.sweep(axes=AXES, base=BASE, out=tmp_path / "out", resume=True)) == table(made)


def test_mpi_makes_the_same_file(made, tmp_path):
    if not importlib.util.find_spec("mpi4py"):  # an import would begin MPI here, and mpiexec then refuses
        pytest.skip("no mpi4py")
    script = tmp_path / "by_mpi.py"
    script.write_text(textwrap.dedent(f"""
        from mpi4py.futures import MPIPoolExecutor
        import latetime as lt
        if __name__ == "__main__":
            with MPIPoolExecutor() as executor:
                lt.sweep(axes={{"slope": [0, 0.5], "seed": range(1, 5)}}, base={BASE!r},
                         out={str(tmp_path / "out")!r}, executor=executor)
    """))
    command = ["mpiexec", "--allow-run-as-root", "--oversubscribe", "-n", "3", sys.executable, "-m", "mpi4py.futures"]
    try:
        done = subprocess.run([*command, str(script)], capture_output=True, text=True, timeout=120)
    except FileNotFoundError:
        pytest.skip("no mpiexec")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out/points.csv").read_bytes() == table(made)


def test_dask_makes_the_same_file(made, tmp_path):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with distributed.Client(cluster) as client:
            sweep = lt.sweep(axes=AXES, base=BASE, out=tmp_path / "out", executor=client.get_executor())
    assert table(sweep) == table(made)


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_xarray_opens_labelled_arrays(engine, tmp_path):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip(engine if engine == "h5netcdf" else "netCDF4")
    sweep = lt.sweep(
        axes={"n": [3, 4], "d": [30, 40], "source": ["gaussian-mixture", "orthogonal"], "seed": [1, 2]},
        zip=["n", "d"],
        derived={"width": "2 * n"},
        filter="!(n == 4 && seed == 2)",
        arrays=["active_own"],
        quantities=["log_loss", "claim_5.4"],
        base={"until": 100},
        out=tmp_path / "out",
    )
    with xarray.open_dataset(tmp_path / "out/sweep.nc", engine=engine) as data:
        assert dict(data.sizes) == {"n": 2, "source": 2, "seed": 2, "sample": 4}
        assert data.n.values.tolist() == [3, 4] and data.d.dims == ("n",) and "d" in data.coords
        assert [str(word) for word in data.source.values] == ["gaussian-mixture", "orthogonal"]
        assert data.log_loss.dims == ("n", "source", "seed")
        assert "log of the loss" in data.log_loss.attrs["long_name"]
        values = data.log_loss.sel(n=3, seed=2).values
        assert values.tolist() == sweep["log_loss"][[1, 3]].tolist()
        assert np.isnan(data.log_loss.sel(n=4, seed=2)).all()
        assert data.width.sel(seed=1, n=4).values.tolist() == [8, 8] and "width" in data.coords
        meanings = data.outcome.attrs["flag_meanings"].split()
        assert meanings[int(data.outcome[1, 0, 1])] == "left-out"
        assert meanings[int(data.outcome[0, 0, 0])] == "reached-end"
        assert np.isnan(data.active_own.sel(n=3)[..., 3]).all() and data.active_own.dims[-1] == "sample"
        assert data.active_own.sel(n=3, seed=1)[0, :3].sum() > 0
        assert 'derived' in data.attrs["sweep"]
    assert sweep.to_xarray().log_loss.mean("seed", skipna=True).shape == (2, 2)


def test_points_that_are_none_are_told(made):
    with pytest.raises(IndexError, match="point: is 9, and the sweep has 8 points, 0 to 7"):
        made.config(9)
    with pytest.raises(TypeError, match="point: is 1.5"):
        made.config(1.5)
    assert made.config(-1) == made.config(7)


def test_frames_and_arrays(made):
    pandas = pytest.importorskip("pandas")
    frame = made.to_dataframe()
    stored = pandas.read_csv(f"{made.path}/points.csv", float_precision="round_trip")
    assert list(frame.columns) == list(stored.columns) == made.columns
    assert np.array_equal(frame["log_loss"], stored["log_loss"])


def test_own_files_relative_to_the_folder_of_the_program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    np.save("X.npy", rng.standard_normal((4, 30)))
    np.save("y.npy", np.array([1, -1, 1, -1]))
    base = {"source": "file", "x": "X.npy", "y": "y.npy", "width": 3, "until": 100}
    first = lt.sweep(axes={"seed": [1, 2]}, base=base)
    monkeypatch.chdir("/")
    assert lt.run(first.config(1))["log_loss"][-1] == first["log_loss"][1]


def test_bad_input_is_one_line(tmp_path):
    def says(error, **arguments):
        with pytest.raises(error) as raised:
            lt.sweep(**arguments)
        return str(raised.value)

    assert "axes: is empty" in says(ValueError)
    assert "did you mean network.slope?" in says(ValueError, axes={"slop": [0]})
    assert "give a list of values" in says(TypeError, axes={"slope": 0.1})
    assert "by belongs to no range" in says(ValueError, axes={"slope": {"from": 0, "by": 1}})
    assert "zip: data.n has 1 values" in says(ValueError, axes={"n": [1], "d": [2, 3]}, zip=["n", "d"])
    assert "no key of the configuration" in says(ValueError, axes={"n": [1]}, derived={"d": "20 * m0"})
    assert "executor: is an int" in says(TypeError, axes={"n": [5]}, executor=3)
    assert "resume: goes on" in says(ValueError, axes={"n": [5]}, resume=True)
    assert says(ValueError, axes={"n": [5]}, jobs=0) == "jobs: is 0; give a whole number from 1"
    assert says(ValueError, axes={"n": [5]}, jobs=-1) == "jobs: is -1; give a whole number from 1"
    assert says(TypeError, axes={"n": [5]}, jobs=1.5).startswith("jobs: is 1.5")
    assert "refine: is a str" in says(TypeError, axes={"n": [5]}, refine="log_loss")
    assert "did you mean levels?" in says(ValueError, axes={"n": {"from": 1, "to": 9, "step": 4}},
                                          refine={"quantity": "outcome", "level": 2})
    with pytest.raises(ValueError, match="axes: stands in the file"):
        lt.sweep("map.toml", axes={"n": [1]})
    with pytest.raises(ValueError, match="cannot be read"):
        lt.sweep(tmp_path / "map.toml")
    with pytest.raises(ValueError, match="holds a sweep; go on with it by resume=True"):
        lt.sweep(axes=AXES, base=BASE, out=tmp_path / "a")
        lt.sweep(axes=AXES, base=BASE, out=tmp_path / "a")


def test_ends_that_are_none_are_rows():
    sweep = lt.sweep(axes={"d": [3, 8]}, base={"source": "orthogonal", "n": 4, "width": 2, "until": 10})
    assert sweep.outcomes == {"reached-end": 1, "refused": 1}
    assert sweep["outcome"].tolist() == ["refused", "reached-end"]
    assert "choose n at most d" in sweep["message"][0] and np.isnan(sweep["log_loss"][0])


def test_points_are_lines_of_json(made):
    lines = pathlib.Path(made.path, "points.jsonl").read_text().splitlines()
    header, *points = map(json.loads, lines)
    assert header["format"] == "latetime-points" and len(points) == 8
    assert {point["outcome"] for point in points} == {"reached-end"}
