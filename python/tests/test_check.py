"""The claims of the paper from Python."""

import json

import pytest

import latetime as lt

KEYS = dict(source="orthogonal", n=6, d=400, width=20, until="1e20")


@pytest.fixture(scope="module")
def run():
    return lt.run(**KEYS)


def test_a_run_in_memory_gives_what_the_command_line_gives(run, program, tmp_path):
    claims = lt.check(run, steps=2000)
    run.save(tmp_path / "run")
    code, out, _ = program("check", tmp_path / "run", "--json", "--steps", "2000")
    assert code == 0
    stored = json.loads(out)
    for report in (claims.json, stored):
        report.pop("source")
    assert claims.json == stored


def test_a_configuration_is_run_in_memory(tmp_path):
    config = lt.Config().with_keys(**KEYS)
    (tmp_path / "run.toml").write_text(config.to_toml())
    one, other = lt.check(config, steps=500), lt.check(tmp_path / "run.toml", steps=500)
    assert one.counts == other.counts
    assert one["4.1.2"].verdict == "Holds"
    assert one["4.1.2"].hypotheses[0]["met"] is True
    assert "4.1.2" in repr(one) and "Holds" in repr(one["4.1.2"])
    assert not one["5.8"].applies and "5.8" not in [claim.id for claim in one]
    with pytest.raises(KeyError, match="no claim 9.9"):
        one["9.9"]
    with pytest.raises(AttributeError, match="a claim has no nonsense"):
        one["4.1.2"].nonsense


def test_bad_input_has_the_text_of_the_command_line(tmp_path):
    with pytest.raises(ValueError, match="no run"):
        lt.check(tmp_path)
    with pytest.raises(ValueError, match="cannot be read"):
        lt.check(tmp_path / "missing.toml")
