"""Threads, Ctrl-C, the progress bar, and what the package says of itself."""

import concurrent.futures
import copy
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings

import numpy as np
import pytest

import latetime as lt

# Long enough to be stopped in the middle: exact steps only, minutes of them.
ENDLESS = dict(n=30, d=60, width=200, engine="coefficient", until="1e9")


def child(code, **options):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_python_goes_on_during_a_run():
    seen = []
    stop = threading.Event()

    def count():
        while not stop.is_set():
            seen.append(time.monotonic())
            time.sleep(0.002)

    other = threading.Thread(target=count)
    other.start()
    try:
        lt.run(n=20, d=60, width=200, engine="coefficient", until="20000")
    finally:
        stop.set()
        other.join()
    # Were the GIL held, the run would be one gap.
    assert len(seen) > 20 and np.diff(seen).max() < 0.5 * (seen[-1] - seen[0])


def test_runs_in_threads_give_the_bits_of_runs_in_turn(tmp_path):
    jobs = [dict(n=6, d=40, width=8, slope=0.0, until="1e60", seed=seed) for seed in range(1, 7)]
    alone = [lt.run(**job) for job in jobs]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        # Half in memory, half into folders: HDF5 from several threads too.
        together = list(pool.map(lambda item: lt.run(out=tmp_path / str(item[0]) if item[0] % 2 else None,
                                                     threads=1, **item[1]), enumerate(jobs)))
    for one, other in zip(alone, together):
        for name in ("/records/log_loss", "/final/weights", "/limit/multipliers"):
            assert one[name].tobytes() == other[name].tobytes()


def test_ctrl_c_in_the_middle_keeps_what_was_reached():
    process = child(
        f"""
        import latetime as lt
        print("ready", flush=True)
        try:
            lt.run(**{ENDLESS!r})
        except lt.Interrupted as stop:
            assert isinstance(stop, KeyboardInterrupt)
            run = stop.run
            print(run.outcome.reason, len(run), run.weights.shape, flush=True)
            print("resumable", run.resume(until=int(10 ** run.outcome.log10_t) + 100).outcome.reason, flush=True)
        """
    )
    assert process.stdout.readline() == "ready\n"
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    begin = time.monotonic()
    out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    assert time.monotonic() - begin < 20
    reason, records, *shape = out.splitlines()[0].split()
    assert reason == "interrupted" and int(records) > 5 and " ".join(shape) == "(2, 200, 60)"
    assert out.splitlines()[1] == "resumable reached-end"


def test_a_handler_of_the_users_own_is_called_and_its_exception_passes():
    def handler(number, frame):
        raise TimeoutError("enough")

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(TimeoutError, match="enough"):
            lt.run(**ENDLESS)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert lt.run(until="10").outcome.reason == "reached-end"


def progress_output(code, terminal, **environment):
    """Standard error of a run, as a terminal or a pipe."""
    if not terminal:
        process = child(code, env={**os.environ, **environment})
        _, error = process.communicate(timeout=60)
        assert process.returncode == 0, error
        return error
    import pty

    master, slave = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stderr=slave, stdout=subprocess.DEVNULL,
                               env={**os.environ, "TERM": "xterm", **environment})
    os.close(slave)
    parts = []
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    assert process.wait(timeout=60) == 0
    os.close(master)
    return b"".join(parts).decode()


LONG = "import latetime as lt; lt.run(n=30, d=60, width=200, engine='coefficient', until='40000'{})"
WITHOUT_TQDM = "import sys; sys.modules['tqdm'] = None; sys.modules['tqdm.auto'] = None\n"


def test_a_bar_shows_on_a_terminal_only():
    assert "%" in progress_output(WITHOUT_TQDM + LONG.format(""), terminal=True)
    assert progress_output(LONG.format(""), terminal=False) == ""
    assert "%" not in progress_output(LONG.format(", progress=False"), terminal=True)
    assert "%" in progress_output(WITHOUT_TQDM + LONG.format(", progress=True"), terminal=False)


def test_tqdm_draws_the_bar_where_it_is_installed():
    pytest.importorskip("tqdm")
    assert "latetime" in progress_output(LONG.format(", progress=True"), terminal=False)


def test_everything_public_has_a_docstring_and_hints():
    for name in lt.__all__:
        thing = getattr(lt, name)
        if not isinstance(thing, str):
            assert thing.__doc__ and len(thing.__doc__) > 20, name
    for name in ("run", "limit", "inspect", "load", "load_data", "reproduce"):
        assert "(n, d)" in getattr(lt, name).__doc__ or name not in ("run", "inspect")
    assert os.path.exists(os.path.join(os.path.dirname(lt.__file__), "py.typed"))


X, Y = np.random.default_rng(0).standard_normal((4, 6)), [1, -1, 1, -1]

# A call, and the argument that its one line must name.
WRONG = [
    (lambda: lt.run(X, Y, measures=3), "measures"),
    (lambda: lt.run(X, Y, measures=[3]), "measures"),
    (lambda: lt.run(X, Y, measures={"a": 3}), "measures"),
    (lambda: lt.run(X, Y, until="10", measures={"word": lambda state: "x"}), "measures"),
    (lambda: lt.run(X, Y, until="10", measures={"nothing": lambda state: None}), "measures"),
    (lambda: lt.run(X, Y, observer=3), "observer"),
    (lambda: lt.run(X, Y, threads="2"), "threads"),
    (lambda: lt.run(X, Y, threads=-1), "threads"),
    (lambda: lt.run(X, Y, threads=1.5), "threads"),
    (lambda: lt.run(X, Y, seed=1.5), "seed"),
    (lambda: lt.run(X, Y, seed=-1), "seed"),
    (lambda: lt.run(X, Y, W0=np.ones((2, 3))), "W0"),
    (lambda: lt.run(X, Y, W0="weights.npy"), "weights.npy"),
    (lambda: lt.run(X, Y, W0=np.full((2, 2, 6), np.nan)), "W0"),
    (lambda: lt.run(X, Y, W0=[[["a"]]]), "W0"),
    (lambda: lt.run(X, Y, until=None), "until"),
    (lambda: lt.run(X, Y, at=[None]), "at"),
    (lambda: lt.run(X, Y, width="a"), "width"),
    (lambda: lt.run(X, Y, slope=[0.1]), "slope"),
    (lambda: lt.run(X, Y, out=3), "out"),
    (lambda: lt.run(X, Y, out=""), "out"),
    (lambda: lt.check(lt.Config(), delta=float("nan")), "delta"),
    (lambda: lt.check(lt.Config(), large=-1), "large"),
    (lambda: lt.check(lt.Config(), moderate=float("nan")), "moderate"),
    (lambda: lt.inspect(X * 1e200), "divide all samples by"),
    (lambda: lt.run(X, Y, config={"width": 3}), "config"),
    (lambda: lt.run(X, Y, config="nothing.toml"), "nothing.toml"),
    (lambda: lt.run(lt.Config(), config=lt.Config()), "configuration"),
    (lambda: lt.run(X, Y, resume=True), "resume"),
    (lambda: lt.run({}, Y), "X"),
    (lambda: lt.run(3), "run"),
    (lambda: lt.run(lt.Config, Y), "X"),
    (lambda: lt.inspect(3), "X"),
    (lambda: lt.load_data(3), "load_data"),
    (lambda: lt.check(3), "check"),
    (lambda: lt.check(lt.Config(), steps="a"), "steps"),
    (lambda: lt.check(lt.Config(), steps=-1), "steps"),
    (lambda: lt.check(lt.Config(), delta="a"), "delta"),
    (lambda: lt.check(lt.Config(), threads=[]), "threads"),
    (lambda: lt.limit(None), "limit"),
    (lambda: lt.load(3), "path"),
    (lambda: lt.Config.read(3), "path"),
    (lambda: lt.Config(network=3).check(), "network"),
    (lambda: lt.Config(network=lt.Network(width="x")).check(), "network.width"),
    (lambda: lt.Config(network=lt.Network(width=None)).check(), "network.width"),
    (lambda: lt.Config(seed=None).check(), "seed"),
    (lambda: lt.reproduce(3), "reproduce"),
    (lambda: lt.reproduce("fig1", out=3), "out"),
    (lambda: lt.reproduce("fig1", threads="a"), "threads"),
    (lambda: lt.batch_order("a"), "n"),
    (lambda: lt.run(X, Y, until="10").save(3), "path"),
    (lambda: lt.run(X, Y, until="10").resume([3]), "until"),
    (lambda: lt.run(X, Y, 50), "positional"),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_wrong_arguments_are_one_line_that_names_them(number):
    call, name = WRONG[number]
    with pytest.raises((ValueError, TypeError)) as error:
        call()
    text = str(error.value)
    assert "\n" not in text and len(text) < 250 and name in text, text


def test_names_too_long_for_the_file_system_are_refused(tmp_path):
    for call in (lambda: lt.run(X, Y, until="10", out=tmp_path / ("a" * 300)),
                 lambda: lt.run(X, Y, until="10").save(tmp_path / ("a" * 300))):
        with pytest.raises(ValueError, match="choose a shorter name"):
            call()
    assert list(tmp_path.iterdir()) == []
    name = "a" * 300
    for call in (lambda: lt.load(name), lambda: lt.limit(name), lambda: lt.check(name), lambda: lt.run(f"{name}.toml"),
                 lambda: lt.run(f"{name}.npy"), lambda: lt.load_data(f"{name}.npy", "y.npy"), lambda: lt.inspect(f"{name}.npy")):
        with pytest.raises(ValueError, match=f"{name}.*; "):
            call()


def test_an_array_that_is_not_there_is_answered_with_the_nearest():
    with pytest.raises(KeyError, match="no array /final/weigths; did you mean /final/weights?"):
        lt.run(X, Y, until="10")["/final/weigths"]


def test_results_are_copied_and_say_how_they_are_kept():
    run = lt.run(X, Y, width=2, until="1e30", measures={"size": lambda state: np.sum(state.weights**2)})
    for made in (copy.copy, copy.deepcopy):
        other = made(run)
        assert np.array_equal(other.weights, run.weights) and np.array_equal(other.size, run.size)
        assert made(run.limit).status == run.limit.status
        assert np.array_equal(made(lt.Dataset(X, Y)).X, X)
    for thing in (run, run.limit, [run]):
        with pytest.raises(TypeError, match=r"run\.save\(folder\).*lt\.load\(folder\)"):
            pickle.dumps(thing)
    data = pickle.loads(pickle.dumps(lt.Dataset(X, Y)))
    assert lt.run(data, width=2, until="1e30").weights.tobytes() == run.weights.tobytes()
    assert pickle.loads(pickle.dumps(run.config)) == run.config


def test_what_is_hardly_meant_is_warned_of():
    zero = X.copy()
    zero[3] = 0.0
    with pytest.warns(UserWarning, match=r"1 of \d+ samples is all zeros \(sample 3\)"):
        lt.run(zero, Y, until="10")
    with pytest.warns(UserWarning, match="record.at: 1e9 is beyond the end of the run") as seen:
        lt.run(X, Y, until="10", at=["5", "1e9"])
    assert seen[0].filename == __file__


def test_types_hold():
    pytest.importorskip("mypy.api")
    package = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(lt._run.__file__))))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--ignore-missing-imports", "--cache-dir=/dev/null", package],
        capture_output=True, text=True, timeout=300,
    )
    assert done.returncode == 0, done.stdout


def test_a_folder_has_one_writer_at_a_time(tmp_path):
    out = tmp_path / "a"
    keys = dict(d=20, width=2, until="10")
    run = lt.run(**keys, out=out)
    refusals = []

    def intrude():
        for write in (lambda: lt.run(**keys, out=out, resume=True), lambda: run.save(out)):
            with pytest.raises(ValueError, match="is writing here"):
                write()
            refusals.append(write)
        assert len(lt.load(out)) == len(run)  # readers are let in

    with lt._core.HeldFolder(str(out)):
        other = threading.Thread(target=intrude)
        other.start()
        other.join()
    assert len(refusals) == 2
    lt.run(**keys, out=out, resume=True)


def test_an_earlier_end_is_refused(tmp_path):
    keys = dict(d=20, width=2)
    lt.run(**keys, until="1000", out=tmp_path / "a")
    with pytest.raises(ValueError, match="descent.until"):
        lt.run(**keys, until="10", out=tmp_path / "a", resume=True)
    with pytest.raises(ValueError, match="descent.until"):
        lt.run(**keys, until="1000").resume(until="10")


def test_an_end_of_resume_says_what_it_is():
    run = lt.run(d=20, width=2, until="100")
    for until, part in (("5", "has come to t = 100"), (5, "has come to t = 100"), (-1, "is negative"), ("-1", "is negative"),
                        ("abc", "no.*number of steps|not a number"), (float("nan"), "not a number"), ([200], "is a list")):
        with pytest.raises((ValueError, TypeError), match=f"until: .*(?:{part})") as error:
            run.resume(until)
        assert "\n" not in str(error.value)
    with pytest.warns(UserWarning, match=r"at its end, t = 10\^2; name a later one"):
        assert len(run.resume()) == len(run)
    for until in (200, "200", 2e2, np.int64(200)):
        assert run.resume(until).step[-1] == 200


def test_an_end_in_epochs_gives_way_to_one_in_steps():
    keys = dict(n=8, d=20, width=2, method="sgd", batch_size=3)  # 3 steps an epoch
    run = lt.run(**keys, epochs=4)
    for until in ("5", 5):
        with pytest.raises(ValueError, match="descent.until: ends at t = 5, but the run in memory has come to t = 12"):
            run.resume(until)
    longer = run.resume("20")
    assert longer.step[-1] == 20
    assert longer.weights.tobytes() == lt.run(**keys, until="20").weights.tobytes()


def test_no_warning_where_there_is_something_to_go_on_with():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lt.run(d=20, width=2, until="100").resume("100")
