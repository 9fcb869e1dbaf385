"""What users hand in: every row of the table "Python objects, one by one" of docs/formats.md is a case here."""

import decimal
import pathlib
import re
import warnings

import numpy as np
import pytest

import latetime as lt

FORMATS = pathlib.Path(__file__).resolve().parents[2] / "docs/formats.md"
HEADING = "### Python objects, one by one"

RNG = np.random.default_rng(0)
X = RNG.standard_normal((8, 6))
Y = np.array([1.0, -1.0, -1.0, 1.0, 1.0, -1.0, 1.0, -1.0])
QUICK = dict(width=2, until="10")

CASES = {}


def case(row):
    """The test of this row of the table."""

    def keep(function):
        assert row not in CASES, row
        CASES[row] = function
        return function

    return keep


def rows():
    """Row by row, the first cell of the table."""
    _, _, section = FORMATS.read_text(encoding="utf-8").partition(HEADING + "\n")
    found = []
    for line in section.splitlines():
        if line.startswith("#"):
            break
        if line.startswith("|"):
            found.append(re.split(r"(?<!\\)\|", line)[1].strip().replace("\\|", "|"))
    return found[2:]  # without the head and the line below it


def taken(given, labels=Y, expected=X, signs=Y, **keys):
    """It is taken for these numbers, by all functions that take arrays."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = lt.Dataset(given, labels, **keys)
        run = lt.run(given, labels, **QUICK, **keys)
    assert np.array_equal(data.X, expected) and np.array_equal(data.y, signs)
    assert np.array_equal(run.X, expected) and np.array_equal(run.y, signs)
    assert run.log_loss.tobytes() == lt.run(np.array(expected, dtype=float), signs, **QUICK).log_loss.tobytes()
    assert lt.inspect(given, labels, **keys).n == len(expected)


def refused(given, labels, *parts, mend="", kind=ValueError, names=None, **keys):
    """It is refused by one line with these parts; what the line says to write is then taken."""
    for function in (lambda: lt.Dataset(given, labels, **keys), lambda: lt.run(given, labels, **QUICK, **keys)):
        with pytest.raises(kind) as error:
            function()
        text = str(error.value)
        assert "\n" not in text and len(text) < 300 and re.match(r"(X|y|W0|positive|run)\b.*: ", text), text
        for part in (*parts, mend):
            assert part in text, (part, text)
    if mend:
        names = {"X": given, "y": labels, "np": np, "numpy": np, "lt": lt, **(names or {})}
        changed = eval(mend, names)
        if isinstance(changed, lt.Run):
            assert changed.outcome.reason == "reached-end"
        elif mend.startswith(("y", "np.where")):
            lt.run(given, changed, **QUICK, **keys)
        else:
            lt.run(changed, labels, **QUICK, **keys)


# ---- arrays and lists


@case("NumPy array (n, d) of integers, booleans, or floating-point numbers")
def _():
    for kind in ("f8", "f4", "f2", ">f8", "i8", "u1", "?"):
        array = (10 * np.abs(X)).astype(kind)
        taken(array, expected=array.astype(float))
    taken(np.asfortranarray(X))
    taken(np.longdouble(X))


@case("lists of lists, tuples, lists of arrays")
def _():
    taken(X.tolist(), Y.tolist())
    taken(tuple(map(tuple, X)), tuple(Y))
    taken(list(X), list(Y))


@case("rows of unequal length")
def _():
    ragged = X.tolist()
    ragged[3] = ragged[3][:-1]
    refused(ragged, Y, "X: row 3 has 5 entries, row 0 has 6 entries")
    ragged[3] = 1.0
    refused(ragged, Y, "X: row 3 has no entries but is a single value")
    refused(np.array([[1, 2], [3]] + [[1, 2]] * 6, dtype=object), Y, "X: entry 0 is a list")


@case("images (n, 28, 28), (n, 1, 28, 28)")
def _():
    images = RNG.standard_normal((8, 4, 5))
    taken(images, expected=images.reshape(8, 20))
    taken(images[:, None], expected=images.reshape(8, 20))
    assert lt.inspect(images).d == 20
    refused(np.moveaxis(images, 0, -1), Y, "y: 8 labels, and images along the last axis of X", mend="np.moveaxis(X, -1, 0)")


@case("an array (d,)")
def _():
    refused(np.ones(6), np.array([1]), "X: has shape (6,)", mend="X.reshape(1, -1)")
    refused(np.arange(8.0), Y, mend="X.reshape(-1, 1)")
    with pytest.raises(ValueError, match=r"X.reshape\(1, -1\)"):
        lt.inspect(np.ones(6))


@case("a sample a column, (d, n)")
def _():
    refused(X.T, Y, "y: 8 labels for the 6 rows of X, which has 8 columns", mend="X.T")
    refused(X, Y[:5], "y: 5 labels for the 8 samples of X")


@case("NaN or infinite entries")
def _():
    for value in (np.nan, np.inf, -np.inf):
        broken = X.copy()
        broken[2, 3] = value
        refused(broken, Y, "X: entry (2, 3) is", "every entry must be finite")
        refused(X, np.where(np.arange(8) == 3, value, Y), "y:")


@case("masked arrays without a masked entry")
def _():
    taken(np.ma.masked_array(X), np.ma.masked_array(Y))


@case("masked arrays with one")
def _():
    refused(np.ma.masked_array(X, mask=np.arange(48).reshape(8, 6) == 20), Y, "X: entry (3, 2) is masked", mend="X.filled(0)")
    refused(X, np.ma.masked_array(Y, mask=Y == -1.0), "y: entry 1 is masked")


@case("object arrays of numbers (int, Decimal, …)")
def _():
    taken(X.astype(object))
    taken(np.array([[1, decimal.Decimal("2.5")]] * 8, dtype=object), expected=np.array([[1, 2.5]] * 8))


@case("object arrays with `None`, text, or arrays in them")
def _():
    for value, part in ((None, "is None"), ("red", "is the text 'red'"), (1j, "is 1j"), ([1], "is a list")):
        mixed = X.astype(object)
        mixed[1, 2] = value
        refused(mixed, Y, f"X: entry (1, 2) {part}")
    rows_in_one = np.empty(8, dtype=object)
    rows_in_one[:] = list(X)
    refused(rows_in_one, Y, "X: entry 0 is a", mend="np.stack(X)")


@case("numbers written as text")
def _():
    refused(X.astype(str), Y, "X: holds text", mend="X.astype(float)")
    refused(X.astype(str).astype(object), Y, "X: entry (0, 0) is the text", mend="X.astype(float)")


@case("other text, dates, complex numbers, structured arrays")
def _():
    refused(np.full((8, 2), "red"), Y, "X: holds text")
    refused(X.astype(complex), Y, "X: holds complex numbers", mend="X.real")
    refused(np.full((8, 2), "2020-01-01", dtype="M8[D]"), Y, "X: holds datetime64", mend="X.astype('int64')")
    pairs = np.zeros(8, dtype=[("a", "f8"), ("b", "f8")])
    import numpy.lib.recfunctions  # noqa: F401

    refused(pairs, Y, "X: is a structured array of a, b", mend="numpy.lib.recfunctions.structured_to_unstructured(X)")


@case("two bytes without a type (`|V2`, what `np.load` makes of bfloat16)")
def _():
    halves = (X.astype("f4").view("u4") >> 16).astype("u2").view("V2")
    refused(halves, Y, "X: holds |V2", mend="(X.view('u2').astype('u4') << 16).view('f4')")


@case("a dict, a generator, a number, `None`")
def _():
    for thing in ({"X": X}, (row for row in X), object()):
        refused(thing, Y, "X: is a", kind=TypeError)
    refused(3.5, Y, "X: is a single number")
    with pytest.raises(ValueError, match="^X: is missing"):
        lt.run(None, Y)


# ---- sparse matrices and tensors


class SparseStandIn:
    """What is looked at of a SciPy matrix."""

    def __init__(self, dense, shape=None):
        self.dense = dense
        self.shape = shape or dense.shape
        self.nnz = np.count_nonzero(dense)

    def toarray(self):
        return self.dense.copy()


@case("SciPy sparse matrices and arrays")
def _():
    sparse = np.where(np.abs(X) > 0.5, X, 0.0)
    taken(SparseStandIn(sparse), expected=sparse)
    scipy = pytest.importorskip("scipy.sparse", reason="no SciPy: a stand-in was tried alone")
    for make in (scipy.csr_matrix, scipy.csc_matrix, scipy.coo_matrix, scipy.csr_array, scipy.lil_matrix):
        taken(make(sparse), expected=sparse)
    taken(scipy.csr_matrix(sparse.astype("f4")), scipy.csr_matrix(Y[:, None]), expected=sparse.astype("f4").astype(float))


@case("sparse matrices that would not fit into memory with their zeros")
def _():
    refused(SparseStandIn(X, shape=(10**6, 10**7)), Y, "X: is a sparse 1000000 x 10000000 matrix", "8e+04 GB")


class TensorStandIn:
    """What is looked at of a tensor on another device."""

    layout, dtype, device = "torch.strided", "torch.float32", "cuda:0"

    def detach(self):
        return self

    def cpu(self):
        return X

    def numpy(self):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


@case("PyTorch tensors, with `requires_grad` and of bfloat16 too")
def _():
    torch = pytest.importorskip("torch", reason="no PyTorch")
    tensor = torch.tensor(X)
    taken(tensor, torch.tensor(Y))
    assert np.shares_memory(lt.Dataset(tensor, Y).X, tensor.numpy())
    taken(torch.tensor(X, requires_grad=True))
    taken(torch.tensor(X).T.contiguous().T, torch.tensor(Y).int())
    short = torch.tensor(X).bfloat16()
    taken(short, expected=short.double().numpy())
    taken([torch.tensor(row) for row in X], [torch.tensor(label) for label in Y])
    images = torch.tensor(X).reshape(8, 1, 2, 3)
    taken(images)
    taken(torch._neg_view(-torch.tensor(X)))
    run = lt.run(X, Y, W0=torch.full((2, 3, 6), 0.01, requires_grad=True), until="10")
    assert run.initial_weights.shape == (2, 3, 6)


class ViewStandIn:
    """A tensor whose numbers are to be negated yet, as torch._neg_view makes them."""

    layout, dtype, device = "torch.strided", "torch.float64", "cpu"

    def __init__(self, values, resolved=False):
        self._values, self._resolved = values, resolved

    def detach(self):
        return self

    def resolve_neg(self):
        return type(self)(-self._values, True)

    def numpy(self):
        if not self._resolved:
            raise RuntimeError("Can't call numpy() on Tensor that has negative bit set.\nUse tensor.resolve_neg().numpy()")
        return self._values


class OpaqueStandIn(ViewStandIn):
    """A tensor without numbers of its own."""

    def resolve_neg(self):
        return self


def test_tensors_that_are_views_are_resolved():
    taken(ViewStandIn(-X))
    refused(OpaqueStandIn(X), Y, "X: cannot be read as an array (Can't call numpy()", kind=TypeError)


@case("tensors on another device, sparse tensors")
def _():
    refused(TensorStandIn(), Y, "X: lies on cuda:0", mend="X.cpu()")
    torch = pytest.importorskip("torch", reason="no PyTorch: a stand-in was tried alone")
    refused(torch.tensor(X).to_sparse(), Y, "X: is a sparse tensor", mend="X.to_dense()")
    refused(torch.ones((8, 6), device="meta"), Y, "X: lies on meta")


# ---- tables


@pytest.fixture
def pandas():
    return pytest.importorskip("pandas", reason="no pandas")


def frame_of(pandas):
    frame = pandas.DataFrame(X, columns=list("abcdef"))
    frame["label"] = Y
    return frame


@case("pandas DataFrame, y the name of a column")
def _(pandas):
    taken(frame_of(pandas), "label")
    numbered = pandas.DataFrame(np.column_stack([Y, X]))
    taken(numbered, 0)
    taken(frame_of(pandas).set_index(pandas.Index(range(100, 108))), "label")
    keyword = lt.run(frame_of(pandas), y="label", **QUICK)
    assert np.array_equal(keyword.X, X)
    words = frame_of(pandas)
    words["label"] = np.where(Y > 0, "cat", "dog")
    taken(words, "label", positive="cat")
    refused(words, "label", "lt.", "(X, y='label', positive='dog')")


@case("a column that is not there, or no y")
def _(pandas):
    refused(frame_of(pandas), "lable", "y: X has no column 'lable'; did you mean 'label'?")
    with pytest.raises(ValueError, match=r"^y: is missing; name the column of the labels, lt.run\(X, y='label'\)"):
        lt.run(frame_of(pandas))


@case("DataFrame and Series, or a DataFrame of one column")
def _(pandas):
    frame = frame_of(pandas)
    taken(frame.drop(columns="label"), frame["label"])
    taken(frame.drop(columns="label"), frame[["label"]])
    taken(X, frame["label"])
    taken(frame.drop(columns="label"), Y)
    refused(frame.drop(columns="label"), frame[["a", "label"]], "y: is a table of 2 columns")


@case("a Series that is still a column of X")
def _(pandas):
    frame = frame_of(pandas)
    refused(frame, frame["label"], "y: is a column of X too", "y='label'")


@case("a Series with the rows of X in another order")
def _(pandas):
    frame = frame_of(pandas)
    refused(frame.drop(columns="label"), frame["label"].iloc[::-1], "y: has the rows of X in another order", mend="y.loc[X.index]")
    taken(frame.drop(columns="label"), frame["label"].iloc[::-1].loc[frame.index])


@case("nullable columns (Int64, Float64, boolean) without `pd.NA`; categories that are numbers")
def _(pandas):
    whole = (10 * X).astype(int)
    for kind in ("Int64", "Float64", "Int8"):
        frame = pandas.DataFrame(whole).astype(kind)
        taken(frame, pandas.Series(Y.astype(int)).astype("Int64"), expected=whole.astype(float))
    mixed = pandas.DataFrame({"i": pandas.array(whole[:, 0], dtype="Int64"), "f": X[:, 0], "b": pandas.array(Y > 0, dtype="boolean"),
                              "c": pandas.Categorical(whole[:, 1])})
    taken(mixed, expected=np.column_stack([whole[:, 0], X[:, 0], Y > 0, whole[:, 1]]).astype(float))


@case("`pd.NA`, `None` or NaN in a table")
def _(pandas):
    frame = frame_of(pandas).drop(columns="label")
    frame["b"] = pandas.array([1, 2, None, 4, 5, 6, 7, 8], dtype="Int64")
    refused(frame, Y, "X: row 2, column 'b' is missing", mend="X.fillna(0)")
    plain = frame_of(pandas).drop(columns="label")
    plain.loc[5, "c"] = np.nan
    refused(plain, Y, "X: row 5, column 'c' is missing", mend="X.fillna(0)")
    plain.loc[5, "c"] = np.inf
    refused(plain, Y, "X: row 5, column 'c' is inf; every entry must be finite")
    refused(X, pandas.Series([1, -1, None, 1, 1, -1, 1, -1], dtype="Int64"), "y: label 2 is missing")


@case("columns of text")
def _(pandas):
    frame = frame_of(pandas).drop(columns="label")
    frame["colour"] = "red"
    refused(frame, Y, "X: column 'colour' holds text such as 'red'", mend="X.drop(columns=['colour'])")
    refused(frame, Y, mend="pandas.get_dummies(X)", names={"pandas": pandas})
    frame["colour"] = "1.5"
    refused(frame, Y, "X: column 'colour' holds text such as '1.5'", "X['colour'].astype(float)")


class Column:
    """What is looked at of a Polars column."""

    def __init__(self, name, values):
        self.name, self.values, self.dtype = name, values, "Float64"

    def is_null(self):
        return np.array([value is None for value in self.values])

    def to_numpy(self):
        return np.array(self.values)

    def __array__(self, dtype=None):
        return np.array(self.values, dtype)

    def __len__(self):
        return len(self.values)


class Table:
    """What is looked at of a Polars table."""

    def __init__(self, columns):
        self.data, self.columns = columns, list(columns)

    def __getitem__(self, name):
        return Column(name, self.data[name])

    def __len__(self):
        return len(next(iter(self.data.values())))

    def drop(self, name):
        return Table({key: values for key, values in self.data.items() if key != name})

    def to_numpy(self):
        return np.column_stack([np.array(values) for values in self.data.values()])


@case("Polars tables and columns")
def _():
    columns = {name: X[:, j].tolist() for j, name in enumerate("abcdef")}
    labelled = Table({**columns, "label": Y.tolist()})
    taken(labelled, "label")
    taken(Table(columns), labelled["label"])
    broken = Table({**columns, "b": [None, *X[1:, 1]]})
    refused(broken, Y, "X: row 0, column 'b' is missing")
    polars = pytest.importorskip("polars", reason="no Polars: a stand-in was tried alone")
    frame = polars.DataFrame({**columns, "label": Y.tolist()})
    taken(frame, "label")
    taken(frame.drop("label"), frame["label"])


# ---- labels


@case("labels +1 and −1 of any type, (n,), (n, 1) or (1, n)")
def _():
    for kind in ("f8", "f4", "i8", "i1", object):
        taken(X, Y.astype(kind))
    taken(X, Y[:, None])
    taken(X, Y[None, :])
    taken(X, np.where(Y > 0, "+1", "-1"))


@case("labels of two other values: 0 and 1, 1 and 2, booleans, text, categories")
def _():
    for low, high, kind in ((0, 1, "u1"), (0, 1, "i8"), (0.0, 1.0, "f8"), (1, 2, "u1"), (False, True, "?"), ("cat", "dog", "U3"),
                            ("cat", "dog", object), (b"cat", b"dog", "S3"), (5, -1, "i8")):
        labels = np.where(Y > 0, high, low).astype(kind)
        with pytest.raises(ValueError) as error:
            lt.run(X, labels)
        text = str(error.value)
        shown = [value.item() if isinstance(value, np.generic) else value for value in (low, high)]
        for value in shown:
            assert (repr(int(value)) if isinstance(value, float) else repr(value)) in text, text
        assert "\n" not in text and "2*y" not in text
        (call,) = re.findall(r"lt\.run\(.*?\)", text)
        chosen = eval(call.replace(")", ", until='10')"), {"lt": lt, "X": X, "y": labels})
        assert set(chosen.y) == {1.0, -1.0}
        taken(X, labels, positive=high)
        taken(X, labels, signs=-Y, positive=low)
    pandas = pytest.importorskip("pandas", reason="no pandas: all but categories were tried")
    categories = pandas.Series(np.where(Y > 0, "cat", "dog"), dtype="category")
    taken(X, categories, positive="cat")
    taken(X, pandas.Series(Y > 0, dtype="boolean"), positive=True)


@case("`positive`, written as the label or as its text")
def _():
    taken(X, (Y > 0).astype("u1"), positive="1")
    taken(X, np.where(Y > 0, 1.0, 2.0), positive="1")
    taken(X, np.where(Y > 0, "1", "2"), positive=1)
    taken(X, Y > 0, positive=1)
    taken(X, Y > 0, positive="True")
    taken(X, Y > 0, positive="true")
    taken(X, np.where(Y > 0, "True", "False"), positive=True)
    taken(X, Y, signs=-Y, positive=-1)
    taken(X, np.where(Y > 0, "cat", "dog"), positive=np.str_("cat"))
    refused(X, np.where(Y > 0, "cat", "dog"), "positive: 'bird' is no label; the labels are 'cat' and 'dog'", positive="bird")
    refused(X, (Y > 0).astype(int), "positive: 2 is no label; the labels are 0 and 1", positive=2)


@case("labels of more than two values, or of one that is not ±1")
def _():
    digits = np.arange(8) % 4 + 1  # numbered from 0 they would be classes
    refused(X, digits, "y: holds 4 different labels (1, 2, 3, ...)", mend="np.where(np.asarray(y) == 4, 1, -1)")
    with pytest.raises(ValueError, match=r"np.where\(np.asarray\(y\) == 2, 1, -1\)"):
        lt.run(X, digits, positive=2)
    refused(X, X[:, 0], "y: holds 8 different labels")
    refused(X, np.zeros(8), "y: every label is 0")


@case("labels that are missing, one-hot rows")
def _():
    refused(X, np.where(np.arange(8) == 2, np.nan, Y), "y: label 2 is nan")
    refused(X, [1, -1, None, 1, 1, -1, 1, -1], "y: label 2 is None")
    onehot = np.column_stack([Y > 0, Y < 0]).astype(int)
    refused(X, onehot, "y: has shape (8, 2)", "y.argmax(axis=1)")
    with pytest.raises(ValueError, match="^y: the labels are 0 and 1"):
        lt.run(X, onehot.argmax(axis=1))
    refused(X, np.zeros((8, 3)), "y: has shape (8, 3); give one label a sample")


# ---- how they are handed in


@case("`lt.run(X=X, y=y)`, `lt.run(X, y=y)`, `lt.inspect(X=X)`")
def _():
    expected = lt.run(X, Y, **QUICK).log_loss.tobytes()
    assert lt.run(X=X, y=Y, **QUICK).log_loss.tobytes() == expected
    assert lt.run(X, y=Y, **QUICK).log_loss.tobytes() == expected
    assert lt.inspect(X=X) == lt.inspect(X)
    assert lt.inspect(X=X, y=(Y > 0), positive=True).samples_of_class_plus == 4
    with pytest.raises(TypeError, match="give the samples once"):
        lt.run(X, Y, X=X)
    with pytest.raises(TypeError, match="^x: is the key of a file of samples; .*X= and y="):
        lt.run(x=X, y=Y)


@case("`lt.run(\"X.npy\", \"y.npy\")`: any files that can be read")
def _(tmp_path):
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", Y)
    np.savez(tmp_path / "both.npz", X=X, y=Y)
    expected = lt.run(X, Y, **QUICK).log_loss.tobytes()
    for x, y in ((tmp_path / "X.npy", tmp_path / "y.npy"), (str(tmp_path / "X.npy"), str(tmp_path / "y.npy")),
                 (f"{tmp_path}/both.npz:X", f"{tmp_path}/both.npz:y"), (tmp_path / "X.npy", Y), (X, str(tmp_path / "y.npy"))):
        assert lt.run(x, y, **QUICK).log_loss.tobytes() == expected
        assert lt.run(X=x, y=y, **QUICK).log_loss.tobytes() == expected
        for data in (lt.load_data(x, y), lt.load_data(X=x, y=y)):
            assert np.array_equal(data.X, X) and np.array_equal(data.y, Y)
    assert lt.inspect(str(tmp_path / "X.npy"), str(tmp_path / "y.npy")).samples_of_class_plus == 4
    with pytest.raises(ValueError, match=r"nothing.npy: no such file"):
        lt.run(str(tmp_path / "nothing.npy"), str(tmp_path / "y.npy"))
    (tmp_path / "a.toml").write_text('[data]\nsource = "file"\nx = "X.npy"\ny = "none.npy"\n')
    assert lt.run(tmp_path / "a.toml", y=tmp_path / "y.npy", **QUICK).log_loss.tobytes() == expected


@case("`lt.run(\"data.csv\", y=\"label\")`, `y=-1`, `lt.run(\"a9a\")`: labels in the file of the samples")
def _(tmp_path):
    expected = lt.run(X, Y, **QUICK).log_loss.tobytes()
    words = np.where(Y > 0, "cat", "dog")
    lines = [",".join([*map(repr, row.tolist()), word]) for row, word in zip(X, words)]
    (tmp_path / "data.csv").write_text("a,b,c,d,e,f,label\n" + "\n".join(lines) + "\n")
    for y in ("label", -1, 7):
        run = lt.run(str(tmp_path / "data.csv"), y=y, positive="cat", **QUICK)
        assert run.log_loss.tobytes() == expected
        assert lt.inspect(tmp_path / "data.csv", y=y, positive="cat").samples_of_class_plus == 4
        data = lt.load_data(tmp_path / "data.csv", y=y, positive="cat")
        assert np.array_equal(data.X, X) and np.array_equal(data.y, Y)
    with pytest.raises(ValueError, match='data.label_column = "label"'):
        lt.load_data(tmp_path / "data.csv")
    with pytest.raises(ValueError, match="dog.*data.positive|data.positive.*dog"):
        lt.run(tmp_path / "data.csv", y="label")
    sparse = "".join(f"{label:+.0f} " + " ".join(f"{j + 1}:{value!r}" for j, value in enumerate(row)) + "\n"
                     for label, row in zip(Y.tolist(), X.tolist()))
    for name in ("a9a", "data.libsvm", "data.txt"):
        (tmp_path / name).write_text(sparse)
        assert lt.run(tmp_path / name, **QUICK).log_loss.tobytes() == expected


@case("labels in files that are not +1 and −1")
def _(tmp_path):
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", (Y > 0).astype("u1"))
    for positive in (1, "1", True):
        run = lt.run(str(tmp_path / "X.npy"), str(tmp_path / "y.npy"), positive=positive, **QUICK)
        assert np.array_equal(run.y, Y)
    with pytest.raises(ValueError, match="y.npy: .*labels are .* data.positive = "):
        lt.run(tmp_path / "X.npy", tmp_path / "y.npy")
    with pytest.raises(ValueError, match="data.positive: no label"):
        lt.run(tmp_path / "X.npy", tmp_path / "y.npy", positive="cat")


@case("`W0=\"W0.npy\"`: a file of initial weights")
def _(tmp_path):
    W0 = RNG.standard_normal((2, 3, 6))
    np.save(tmp_path / "W0.npy", W0)
    np.savez(tmp_path / "W0.npz", W0=W0)
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", Y)
    expected = lt.run(X, Y, W0=W0, until="10")
    for file in (tmp_path / "W0.npy", f"{tmp_path}/W0.npz:W0"):
        for data in ((X, Y), (tmp_path / "X.npy", tmp_path / "y.npy")):
            run = lt.run(*data, W0=file, until="10")
            assert np.array_equal(run.initial_weights, W0) and run.weights.tobytes() == expected.weights.tobytes()
            key = lt.run(*data, initial_weights=file, width=3, until="10")
            assert key.weights.tobytes() == expected.weights.tobytes()
    with pytest.raises(ValueError, match="nothing.npy: no such file"):
        lt.run(X, Y, W0=tmp_path / "nothing.npy")


@case("a source of samples where a file is expected")
def _():
    for name in ("mnist", "gaussian-mixture"):
        for function in (lt.run, lt.load_data, lt.inspect):
            with pytest.raises(ValueError, match=f'^{name}: is a source .* write source="{name}"'):
                function(name)
    assert len(lt.load_data(source="gaussian-mixture", n=5)) == 5


@case("samples without labels, a pair (X, y)")
def _():
    with pytest.raises(ValueError, match="^y: is missing; give samples and labels"):
        lt.run(X)
    with pytest.raises(ValueError, match=r"^y: is missing; write lt.run\(\*pair\)"):
        lt.run((X, Y))
    with pytest.raises(ValueError, match="^y: is missing; give samples and labels, lt.load_data"):
        lt.load_data(X)
    with pytest.raises(ValueError, match="^n: does not belong"):
        lt.load_data(X, Y, n=5)
    with pytest.raises(TypeError, match=r"^X: is the name of a file; write lt.load_data\('X.npy'"):
        lt.Dataset("X.npy", "y.npy")
    with pytest.raises(TypeError, match="a Dataset has its labels"):
        lt.run(lt.Dataset(X, Y), Y)


@case("keys of the section `[data]` beside arrays: `transpose`, `label_column`, `d`, …")
def _():
    keys = [field["key"] for field in lt.fields() if field["section"] == "data"]
    mends = {"transpose": "X.T"}
    for key in keys:
        if key in ("x", "y", "positive", "label_noise"):
            continue
        for function in (lt.run, lt.load_data, lt.inspect):
            for arguments in ((X, Y), (lt.Dataset(X, Y),)):
                with pytest.raises(ValueError) as error:
                    function(*arguments, **{key: 3})
                assert str(error.value).startswith(f"{key}: ") and mends.get(key, "") in str(error.value)
        with pytest.raises(ValueError):
            lt.inspect(X, **{key: 3})
    with pytest.raises(ValueError, match="^y: is missing"):
        lt.inspect(X, width=3)
    with pytest.raises(ValueError, match="^label_noise: "):  # labels are read as they are
        lt.load_data(X, Y, label_noise=0.1)
    assert lt.run(X, Y, **QUICK, label_noise=0.1).outcome.reason == "reached-end"


@case("labels beside a configuration")
def _(tmp_path):
    (tmp_path / "own.toml").write_text('[descent]\nuntil = 10\n')
    for given in (tmp_path / "own.toml", lt.Config()):
        with pytest.raises(ValueError, match="^y: a configuration names its own labels; leave y out"):
            lt.run(given, Y)
    assert lt.run(tmp_path / "own.toml").outcome.reason == "reached-end"
    with pytest.raises(ValueError, match="^X: is missing"):
        lt.run(y=Y)


@case("a file that is not there")
def _(tmp_path):
    for name in ("nope.npy", "nope.npz:X", "nope.h5:/data/x", "nope.csv"):
        with pytest.raises(ValueError, match=r"nope\.[a-z0-9]+: no such file"):
            lt.run(tmp_path / name)
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", Y)
    with pytest.raises(ValueError, match="^data.y: is missing|y: is missing"):
        lt.run(tmp_path / "X.npy")
    with pytest.raises(ValueError, match="^x: is given twice"):
        lt.run(tmp_path / "X.npy", tmp_path / "y.npy", x="other.npy")


@case("samples for `lt.check` or `lt.limit`")
def _():
    for function in (lt.check, lt.limit):
        for thing in (X, X.tolist()):
            with pytest.raises(TypeError, match=rf"write lt.{function.__name__}\(lt.run\(X, y\)\)"):
                function(thing)
        with pytest.raises(TypeError, match="^[a-z]+: has no argument .*did you mean"):
            function("nothing", step=3, rnu=4)
    assert lt.limit(lt.run(X, Y, width=2, until="1e4")).status


# ---- the table


def test_every_row_of_the_table_has_its_case():
    assert rows(), f"{FORMATS} has no table under {HEADING!r}"
    assert rows() == list(CASES)


@pytest.mark.parametrize("row", CASES)
def test_what_happens_is_what_the_table_says(row, request):
    function = CASES[row]
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    function(*(request.getfixturevalue(name) for name in names))


# ---- names


def test_unknown_names_are_answered_with_the_nearest():
    for call, meant in (
        (lambda: lt.run(X, labels=Y), "y"),
        (lambda: lt.run(X, Y, lr=0.1), "descent.learning_rate"),
        (lambda: lt.run(X, Y, widht=3), "network.width"),
        (lambda: lt.run(X, Y, ouput="a"), "out"),
        (lambda: lt.run(X, Y, postive="a"), "positive"),
        (lambda: lt.inspect(X, target=Y), "y"),
        (lambda: lt.load_data(clases="3 vs 8"), "data.classes"),
        (lambda: lt.check("a", step=3), "steps"),
        (lambda: lt.load(pth="a"), "path"),
        (lambda: lt.limit(rnu="a"), "run"),
        (lambda: lt.reproduce("fig1", quik=True), "quick"),
        (lambda: lt.Network(widht=3), "width"),
        (lambda: lt.Config(sede=3), "seed"),
        (lambda: lt.Dataset(X, Y, pos_label=1), "positive"),
        (lambda: lt.run(until="10").resume("20", thread=2), "threads"),
        (lambda: lt.batch_order(5, batchsize=3), "batch_size"),
    ):
        with pytest.raises((TypeError, ValueError)) as error:
            call()
        text = str(error.value)
        assert "\n" not in text and text.endswith(f"did you mean {meant}?"), text
    with pytest.raises(AttributeError, match="widht"):
        lt.Network().widht = 3
