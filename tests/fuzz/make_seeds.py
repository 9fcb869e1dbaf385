#!/usr/bin/env python3
"""Writes the valid files from which scripts/fuzz begins, into seeds/READER/NAME.KIND.

Needs NumPy; the HDF5 files come from h5py where it is there. Seeds named once-failed-… are inputs
with faults that are mended, and are not made here.
"""

import gzip
import io
import pathlib
import struct

import numpy as np

seeds = pathlib.Path(__file__).parent / "seeds"


def put(name, content):
    path = seeds / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def npy(array, **options):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), **options)
    return file.getvalue()


def npz(packed=False, **arrays):
    file = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(file, **arrays)
    return file.getvalue()


ramp = np.arange(6) / 7
table = ramp.reshape(2, 3)
arrays = {
    "f8": table, "f4": table.astype("f4"), "f2": table.astype("f2"), "big": table.astype(">f8"),
    "fortran": np.asfortranarray(table), "i8": np.arange(-3, 3), "i4": np.arange(6, dtype="i4").reshape(3, 2),
    "u2": np.arange(5, dtype="u2"), "u1": np.arange(250, 256, dtype="u1"), "bool": np.array([True, False]),
    "scalar": np.float64(3.5), "empty": np.zeros((0, 4)), "cube": np.arange(8.0).reshape(2, 2, 2),
    "cube-fortran": np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)), "weird": np.array([np.nan, np.inf, -0.0, 5e-324]),
}
for name, array in arrays.items():
    put(f"npy/{name}.npy", npy(array))
put("npy/version2.npy", npy(table, version=(2, 0)))
put("npy/version3.npy", npy(table, version=(3, 0)))
put("npy/complex.npy", npy(table.astype("c16")))
put("npy/texts.npy", npy(np.array(["a", "b"])))
put("npy/structured.npy", npy(np.zeros(2, dtype=[("a", "f8"), ("b", "i4")])))

put("npz/one.npz", npz(x=table))
put("npz/two.npz", npz(x=table, y=np.array([1, -1])))
put("npz/packed.npz", npz(packed=True, x=np.zeros((8, 8))))
for name in ("f8", "fortran", "i4", "u1", "cube"):
    put(f"npz/{name}.npy", npy(arrays[name]))

put("csv/plain.csv", "1,2,3\n4.5,-1e3,6\n")
put("csv/header.csv", "a,b,c\n1,2,3\n# note\n4,5,6\n")
put("csv/semicolon.csv", "1;2;3\n4;5;6\n")
put("csv/tabs.csv", "1\t2\r\n3\t4\r\n")
put("csv/spaces.csv", "  1 2   3\n 4 5 6 # six\n")
put("csv/column.csv", "1\n-1\n1\n")
put("csv/mark.csv", b"\xef\xbb\xbfx,y\n1,2\n")
put("csv/excel.csv", "sep=;\n1;2\n3;4\n")
put("csv/kaggle.csv", "label,1x1,1x2\n5,0,255\n0,12,7\n")
put("csv/weird.csv", "nan,inf,-inf\n1e308,5e-324,-0\n")
put("csv/utf16.csv", "1,2\n3,4\n".encode("utf-16"))
put("csv/minus.csv", "\u22121,2\n3,4\n")

put("csv/mac.csv", "1 2\r3 4\r")

put("npz/csr.sparse", "t /format : csr\nu /shape 2: 3 3\nd /data 4: 1.5 2 -3 4\nu /indices 4: 0 2 1 2\nu /indptr 4: 0 2 3 4\n")
put("npz/csc.sparse", "t /format : csc\nu /shape 2: 2 3\nd /data 3: 1 2 3\nu /indices 3: 0 1 1\nu /indptr 4: 0 1 2 3\n")
put("npz/coo.sparse", "t /format : coo\nu /shape 2: 2 3\nd /data 3: 1 2 3\nu /row 3: 0 1 1\nu /col 3: 2 0 0\n")
put("npz/bsr.sparse", "t /format : bsr\nu /shape 2: 2 4\nd /data 1x2x2: 1 2 3 4\nu /indices 1: 1\nu /indptr 2: 0 1\n")

put("libsvm/plain.svm", "+1 1:0.5 3:-2\n-1 2:1e3 # note\n+1\n")
put("libsvm/zero.svm", "2 0:1 1:2\n1 1:3\n")
put("libsvm/ranks.svm", "1 qid:3 1:0.25\r\n0 qid:3 2:7\r\n")
put("libsvm/words.svm", "cat 1:1\ndog 2:1\n")

put("samples/kaggle.csv", "#label_column=label;positive=5\nlabel,1x1,1x2\n5,0,255\n0,12,7\n")
put("samples/last.csv", "#label_column=-1\n0.5,1.5,1\n2,3,-1\n")
put("samples/words.csv", "#label_column=class;positive=yes\nx,y,class\n1,2,yes\n3,4,no\n5,6,\"yes\"\n")
put("samples/plain.svm", "+1 1:0.5 3:-2\n-1 2:1e3\n")
put("samples/three-classes.csv", "#label_column=-1\n0.5,1.5,0\n2,3,1\n-2,1,2\n1,1,0\n")
put("samples/three-classes.svm", "0 1:0.5 3:-2\n1 2:1e3\n2 1:1 2:-1\n")
put("samples/positive.svm", "#positive=2;d=4\n2 1:0.5 3:-2\n1 2:1e3\n")


def idx(magic, sizes, values):
    return struct.pack(f">{1 + len(sizes)}I", magic, *sizes) + bytes(values)


images, labels = idx(0x803, (2, 3, 4), range(24)), idx(0x801, (5,), [3, 1, 4, 1, 5])
put("idx/raw.images", images)
put("idx/raw.labels", labels)
put("idx/gzip.images", gzip.compress(images, mtime=0))
put("idx/gzip.labels", gzip.compress(labels, mtime=0))
put("idx/inside.images.packed", images)
put("idx/inside.labels.packed", labels)

put("config/default.toml", "seed = 1\n[data]\nsource = \"gaussian-mixture\"\nn = 10\nd = 784\nsignal_std = 0.01\n"
    "[network]\nwidth = 100\nslope = 0.1\n[descent]\nuntil = \"1e100\"\nlearning_rate = 0.1\n"
    "[record]\nper_decade = 4\nat = [\"1000\", 1e6]\n")
put("config/files.toml", "[data]\nsource = \"file\"\nx = \"X.npy\"\ny = 'data.npz:y'\n"
    "[network]\ninitial_weights = \"w.h5:/w\"\n")
put("config/images.toml", "[data]\nsource = \"mnist\"\nn = 0\nclasses = \"even-odd\"\ncenter = true\n"
    "[descent]\nmethod = \"sgd\"\nepochs = 3\nbatch_size = 64\nprecision = \"float32\"\n")
put("config/classes.toml", "[data]\nsource = \"mnist\"\nn = 30\nclasses = \"1,3,5-7\"\n[descent]\nloss = \"exponential\"\n"
    "method = \"flow\"\n[network]\nslope = 0\n")
put("config/set.toml", "#set descent.until=1e1000\n#set data.n=7\n#set network.slope=0\n#set record.at=[\"3\"]\n"
    "descent.method = \"flow\"\ndata = {n = 3, d = 4}\n")

columns = ("log10_t,step,engine,log_loss,min_margin,normalized_margin,stable_rank_pos,stable_rank_neg,stable_rank_all,"
           "norm_w,kkt_residual,switches,sliding_pairs,error_estimate").split(",")
rows = [["", "0", "dense", "-0.69", "0.001", "0.01", "1.5", "1.4", "1.9", "0.1", "", "0", "0", "0"],
        ["0", "1", "dense", "-0.7", "0.01", "0.02", "1.3", "1.2", "1.7", "0.2", "0.5", "1", "0", "0"],
        ["20.5", "", "flow", "-47", "40", "0.3", "1", "1", "1.2", "20", "1e-9", "", "1", "1e-12"]]
text = "\n".join(",".join(row) for row in [columns, *rows]) + "\n"
put("table/run.metrics.csv", text)
put("table/cut.metrics.csv", text[:-9])
further = ("epoch,running_loss,running_error,train_error,test_loss,test_error,stable_rank_proved_error,"
           "group_stable_ranks").split(",")
training = [columns + further] + [row + ["0.5", "0.6", "0.1", "0.2", "0.7", "0.3", "1e-9", "1.5 1.25"] for row in rows]
put("table/training.training.csv", "\n".join(",".join(row) for row in training) + "\n")
quantities = ["stable_rank_pos", "stable_rank_neg", "stable_rank_all", "loss"]
head = ["slope", "epoch"] + [q + part for q in quantities for part in ("_mean", "_std")]
lines = [[slope, str(epoch)] + ["1.5", "0.1"] * 4 for slope in ("0.1", "0.2") for epoch in (0, 1, 2)]
put("table/paper.fig1.csv", "\n".join(",".join(row) for row in [head, *lines]) + "\n")
put("table/paper.fig1.toml", "command = \"latetime reproduce fig1\"\nquick = \"10 epochs\"\nruns = 5\nfirst_seed = 1\n"
    "n = 10\nepochs = 100\nimages = \"mnist\"\ntest_n = 1000\n")
quantities = ["stable_rank_all", "group_stable_rank", "test_error", "test_loss", "running_error", "running_loss"]
head = ["init_std", "width", "step", "epoch"] + [q + part for q in quantities for part in ("_mean", "_std")]
lines = [["1e-3", width, str(10 * epoch), str(epoch / 2)] + ["1.5", "0.1"] * 6 for width in ("20", "50") for epoch in (0, 1, 2)]
put("table/paper.fig4.csv", "\n".join(",".join(row) for row in [head, *lines]) + "\n")

put("claims/small.json", """{"format": "latetime-claims", "version": 1, "source": "run",
 "run": {"n": 2, "d": 3}, "thresholds": {"delta": 0.1}, "looked_at": {"until": {"step": 9}, "notes": ["a"]},
 "counts": {"Holds": 1}, "claims": [{"id": "5.4", "verdict": "Holds", "hypotheses": [{"name": "a", "met": true}],
 "measured": [{"quantity": "q", "least": {"value": "infinity", "at": {"class": 1}}}], "figures": [{"name": "f", "value": null}]}]}
""")

try:
    import h5py
except ImportError:
    h5py = None
if h5py:
    for name, version in (("old", "earliest"), ("new", "latest")):
        path = seeds / f"hdf5/{name}.h5"
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w", libver=version) as file:
            file["x"] = table
            file.create_dataset("packed", data=np.arange(64).reshape(8, 8), chunks=(4, 4), compression="gzip", shuffle=True)
            file.create_dataset("checked", data=np.arange(8.0), chunks=(4,), fletcher32=True)
            file["big"] = table.astype(">f4")
            file["texts"] = ["alpha", "", "gamma"]
            file["group/y"] = np.array([1, -1], dtype="i1")
            file["x"].attrs["unit"] = "m"
