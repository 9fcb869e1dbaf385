"""The typed objects, the file format and the stubs are one list of fields."""

import dataclasses
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import latetime as lt
from latetime import _config

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECTIONS = {"data": lt.Data, "network": lt.Network, "descent": lt.Descent, "record": lt.Record}


def test_objects_have_the_fields_of_the_file_format():
    for section, made in SECTIONS.items():
        known = [field for field in lt.fields() if field["section"] == section]
        assert [field.name for field in dataclasses.fields(made)] == [field["key"] for field in known]
        for field in known:
            assert getattr(made(), field["key"]) == field["default"]
            assert f"{field['key']} = {field['default']!r}: {field['meaning']}" in made.__doc__
    top = [field["key"] for field in lt.fields() if not field["section"]]
    assert top == ["seed"] and lt.Config().seed == 1


def test_stubs_are_those_of_the_fields():
    tool = ROOT / "python/tools/make_stubs.py"
    done = subprocess.run([sys.executable, tool, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_toml_reads_back_to_equal_objects(tmp_path):
    config = lt.Config(
        seed=7,
        data=lt.Data(source="near-orthogonal", n=6, d=12, inner_product=0.02),
        network=lt.Network(width=5, slope=0.3, init_std=1e-5),
        descent=lt.Descent(learning_rate=0.05, until="1e100", tolerance=1e-6),
        record=lt.Record(per_decade=2, at=["77", "1e6"]),
    )
    (tmp_path / "a.toml").write_text(config.to_toml())
    assert lt.Config.read(tmp_path / "a.toml") == config
    assert lt.run(config.with_keys(until="100")).config == config.with_keys(until="100")


def test_every_field_survives_the_way_through_the_file(tmp_path):
    changed = {"integer": 3, "number": 0.05, "flag": True, "texts": ["5", "1e3"]}
    texts = {"source": "mnist", "classes": "3 vs 8", "pixels": "standardized", "split": "test", "folder": "/tmp",
             "method": "sgd", "engine": "dense", "until": "1e7", "x": "", "y": "", "initial_weights": "/tmp/w.npy",
             "loss": "exponential", "head": "trained", "output_scale": "1", "precision": "float32", "positive": "1",
             "label_column": "label", "test_x": "/tmp/t.npy", "test_y": "/tmp/s.npy"}
    own_range = {"population_draws": 3000}
    files = dict(source="file", x="/tmp/x.npy", y="/tmp/y.npy")
    belongs = {"d": {}, "signal_std": {}, "noise_std": {}, "sample_norm": dict(source="orthogonal"),
               "inner_product": dict(source="near-orthogonal"), "margin": dict(source="symmetric-separable"),
               "positive": dict(source="file", x="/tmp/x.csv", y="/tmp/y.csv"),
               "label_column": dict(source="file", x="/tmp/x.csv"),
               "transpose": files, "test_x": {**files, "test_y": "/tmp/s.npy"},
               "test_y": {**files, "test_x": "/tmp/t.npy"}, "population_draws": dict(test_n=5)}
    images = {"classes", "pixels", "split", "center", "normalize", "folder"}
    sgd = {"epochs", "batch_size"}
    for field in lt.fields():
        key = field["key"]
        value = texts[key] if field["type"] == "text" else own_range.get(key, changed[field["type"]])
        keys = {**belongs.get(key, {}), **({"source": "mnist"} if key in images else {}),
                **({"method": "sgd"} if key in sgd else {}), key: value}
        config = lt.Config().with_keys(**keys)
        (tmp_path / "a.toml").write_text(config.to_toml())
        back = lt.Config.read(tmp_path / "a.toml")
        holder = getattr(back, field["section"]) if field["section"] else back
        assert getattr(holder, key) == value, key


def test_numbers_of_any_size_and_kind():
    for until in (1000, 1e3, "1000", np.int64(1000), np.float64(1e3)):
        assert lt.run(until=until, width=2).t[-1] == 3.0
    for until in (10**100, 1e100, "1e100", "10e99"):
        config = lt.Config(descent=lt.Descent(until=until))
        assert lt.inspect(config).last_step == "1e100"
    assert lt.Config(record=lt.Record(at=(5, "7", 11.0))).to_toml().count('["5", "7", "11"]') == 1


REFUSED = [
    dict(slope=3.0),
    dict(width=0),
    dict(source="gausian-mixture"),
    dict(until="soon"),
    dict(method="sgd", engine="frozen"),
    dict(batch_size=4),
    dict(source="file"),
    dict(learning_rate=0.0),
    dict(until="1e100", engine="dense"),
    dict(n=100, source="orthogonal", d=5),
]


@pytest.mark.parametrize("keys", REFUSED, ids=str)
def test_refusals_have_the_text_of_the_command_line(keys, program, tmp_path):
    section = {field["key"]: field["section"] for field in lt.fields()}
    settings = [part for key, value in keys.items() for part in ("--set", f"{section[key]}.{key}={_config.toml_value(value)}")]
    code, _, text = program("run", "--out", tmp_path / "a", *settings)
    assert code == 2
    with pytest.raises(ValueError) as refused:
        lt.run(**keys)
    printed = text.removeprefix("latetime: ").removeprefix("command line: ").strip()
    assert str(refused.value).removeprefix("configuration: ") == printed


def test_a_files_refusals_are_the_command_lines_word_for_word(program, tmp_path):
    path = tmp_path / "a.toml"
    for text in ("[network]\nwdth = 5\n", "[netwrk]\n", "seed = [\n", "[descent]\nuntil = 1e400\n"):
        path.write_text(text)
        _, _, printed = program("run", path, "--out", tmp_path / "a")
        with pytest.raises(ValueError) as refused:
            lt.run(path)
        assert f"latetime: {refused.value}" == printed.strip()


def test_arrays_are_refused_like_their_files(program, tmp_path):
    X, y = np.ones((4, 3)), np.array([1, -1, 1, -1])
    bad = [
        (X, y[:2]),
        (np.ones((2, 0)), y[:2]),
        (np.where(np.arange(12).reshape(4, 3) == 7, np.nan, X), y),
        (np.ones((0, 3)), y[:0]),
    ]
    for x_bad, y_bad in bad:
        np.save(tmp_path / "X.npy", x_bad)
        np.save(tmp_path / "y.npy", y_bad)
        _, _, printed = program("run", "--out", tmp_path / "a", "--set", "data.source=file", "--set",
                                f"data.x={tmp_path}/X.npy", "--set", f"data.y={tmp_path}/y.npy")
        with pytest.raises(ValueError) as refused:
            lt.run(x_bad, y_bad)
        named = printed.replace(f"{tmp_path}/X.npy", "X").replace(f"{tmp_path}/y.npy", "y")
        assert f"latetime: {refused.value}" == named.strip()


def test_unknown_keys_name_the_nearest():
    with pytest.raises(ValueError, match="unknown key; did you mean network.width?"):
        lt.run(widht=5)
    with pytest.raises(TypeError, match="object"):
        lt.run(until=object())
    with pytest.raises(ValueError, match="n: does not belong to samples in arrays"):
        lt.run(np.eye(2), [1, -1], n=5)


def test_reprs_read():
    assert repr(lt.Network(width=50, slope=0.0)) == "Network(width=50, slope=0.0)"
    assert repr(lt.Config(network=lt.Network(width=3))) == "Config(seed=1, network=Network(width=3))"
    assert eval(repr(lt.Config(record=lt.Record(at=["5"]))), vars(lt)) == lt.Config(record=lt.Record(at=["5"]))
