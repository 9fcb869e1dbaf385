"""Theorems about runs from Python."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import latetime as lt

CHECKER = Path(__file__).resolve().parents[2] / "tools" / "check_certificate.py"
KEYS = dict(n=6, d=400, width=8, slope=0.0, seed=3, until="1e40")


@pytest.fixture(scope="module")
def run():
    return lt.run(**KEYS)


@pytest.fixture(scope="module")
def proof(run):
    return run.proof


def test_a_run_is_proved_and_its_certificate_is_accepted(proof, tmp_path):
    assert proof and proof.reason is None
    assert proof.level == "B" and proof.step >= 1000 and proof.radius > 0
    proof.save(tmp_path / "certificate.txt")
    checked = subprocess.run([sys.executable, CHECKER, tmp_path / "certificate.txt"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.rstrip().endswith("PROVED")
    assert "converges" in repr(proof)


def test_what_is_proved_holds_what_the_run_recorded(run, proof):
    found = proof.enclosures
    assert len(found) > 10
    record = {round(t * np.log(10), 9): r for r, t in enumerate(run.t) if np.isfinite(t)}
    rows = [record[round(t, 9)] for t in found.log_t]
    slack = 1e-9 + np.nan_to_num(run.error_estimate[rows])
    for name in ("log_loss", "stable_rank_pos", "stable_rank_neg", "stable_rank_all"):
        lower, upper = getattr(found, name).T
        recorded = run[name][rows]
        assert np.all(recorded >= lower - slack) and np.all(recorded <= upper + slack), name
        assert np.nanmedian(upper - lower) < 0.5


def test_the_limit_that_is_proved_is_the_one_that_was_found(run, proof):
    limit = run.limit
    for found, proved in zip(limit.stable_rank, proof.stable_rank):
        assert proved[0] - 1e-9 <= found <= proved[1] + 1e-9
    assert np.allclose(proof.multipliers.mean(axis=1), limit.multipliers, rtol=1e-8)
    assert list(proof.support) == list(np.flatnonzero(limit.support))
    pairs = {(p["neuron"], p["sample"]) for p in proof.switching}
    flat = limit.verdicts.reshape(-1, limit.verdicts.shape[2])
    assert pairs == set(zip(*np.nonzero(flat == lt.Verdict.SWITCHES)))
    assert np.all(proof.switching["density"][:, 0] > 0) and np.all(proof.switching["density"][:, 1] < 1)


def test_the_command_line_says_the_same(run, proof, program, tmp_path):
    run.save(tmp_path / "run")
    code, out, _ = program("prove", tmp_path / "run", "--json")
    assert code == 0
    printed = json.loads(out)
    here = dict(proof.json)
    for report in (printed, here):
        report.pop("source")
    assert printed == here
    assert (tmp_path / "run" / "certificate.txt").read_text() == proof.certificate
    assert json.loads((tmp_path / "run" / "proof.json").read_text())["proved"]


def test_the_limit_alone(run):
    proof = lt.prove(run, level="A")
    assert proof.proved and "pattern" in proof.certificate
    with pytest.raises(ValueError, match="of the limit alone"):
        proof.radius
    assert np.all(proof.normalized_margin > 0)


def test_what_is_not_proved_says_why():
    twins = np.vstack([np.eye(4, 50)[[0, 0, 1, 2]]])
    run = lt.run(twins, [1, 1, -1, -1], width=4, slope=0.0, until="1e4")
    proof = lt.prove(run, most_steps=3000)
    assert not proof and proof.reason and proof.remedy
    with pytest.raises(ValueError, match="nothing is proved about the run"):
        proof.radius
    assert "not proved" in repr(proof)


def test_claims_say_what_is_proved(run, proof):
    claims = lt.check(run, steps=300)
    assert claims["7.1"].proved == {"conclusion": "holds", "from_step": proof.step}
    assert claims["7.2"].proved["conclusion"] == "fails" and claims["7.2"].verdict == "Fails"
    assert claims["5.4"].proved is None
    assert lt.check(lt.run(**KEYS), steps=300)["7.1"].proved is None


def test_bad_input_names_the_argument(run, tmp_path):
    with pytest.raises(ValueError, match="level: is 'Z'; choose one of"):
        lt.prove(run, level="Z")
    with pytest.raises(ValueError, match="step: is 3"):
        lt.prove(run, step=3)
    with pytest.raises(TypeError, match="is of a run"):
        lt.prove(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="no run"):
        lt.prove(tmp_path)
