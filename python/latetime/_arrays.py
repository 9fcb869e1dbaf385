"""What people hand in, as NumPy arrays: samples of numbers, labels +1 and -1.

Everything is told apart by what it can do, so that no other package is imported. Each refusal is one line: argument,
problem, and what to write instead.
"""

import os
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from ._checks import kind_of

_NUMBERS = "fiub"  # NumPy's kinds of real numbers


def is_path(value: Any) -> bool:
    """Whether this names a file."""
    return isinstance(value, (str, os.PathLike))


def is_frame(value: Any) -> bool:
    """A table with named columns, of pandas, Polars and the like."""
    return hasattr(value, "columns") and hasattr(value, "to_numpy")


def is_series(value: Any) -> bool:
    """One column of such a table."""
    return hasattr(value, "to_numpy") and hasattr(value, "name") and not is_frame(value)


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "detach") and hasattr(value, "numpy")


def _is_sparse(value: Any) -> bool:
    return hasattr(value, "toarray") and hasattr(value, "nnz") and hasattr(value, "shape")


def _is_missing(value: Any) -> bool:
    """None, pandas' NA and NaT, and NaN."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating)) and value != value


def _missing_in(series: Any) -> np.ndarray:
    """(n,) bool: the entries of a column that have no value."""
    found = series.isna() if hasattr(series, "isna") else series.is_null()
    return np.asarray(found, dtype=bool)


# ---- to arrays of any type


def _of_tensor(tensor: Any, name: str) -> np.ndarray:
    if "sparse" in str(getattr(tensor, "layout", "")):
        raise ValueError(f"{name}: is a sparse tensor; write {name}.to_dense()")
    tensor = tensor.detach()
    device = str(getattr(tensor, "device", "cpu"))
    if device.split(":")[0] != "cpu":
        raise ValueError(f"{name}: lies on {device}; write {name}.cpu()")
    if "bfloat16" in str(tensor.dtype):
        tensor = tensor.float()  # NumPy has no such type; every value of it is a float32
    for lazy in ("resolve_conj", "resolve_neg"):  # views that PyTorch has yet to conjugate or negate
        if hasattr(tensor, lazy):
            tensor = getattr(tensor, lazy)()
    try:
        return tensor.numpy()
    except (RuntimeError, NotImplementedError) as error:  # whatever else has no memory of numbers
        raise TypeError(f"{_one_line(error, name)}; give a NumPy array") from None


def _of_sparse(matrix: Any, name: str) -> np.ndarray:
    rows, columns = matrix.shape
    needed = 8.0 * rows * columns
    memory = float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    if needed > memory / 4:
        raise ValueError(
            f"{name}: is a sparse {rows} x {columns} matrix, {needed / 1e9:.3g} GB with its zeros, where this machine has "
            f"{memory / 1e9:.3g} GB; choose fewer columns, {name}[:, :1000], or fewer rows"
        )
    return np.asarray(matrix.toarray())


def _of_list(rows: Sequence[Any], name: str) -> np.ndarray:
    if any(_is_tensor(row) for row in rows[:1]):
        rows = [_of_tensor(row, name) for row in rows]
    lengths = [_length(row) for row in rows]
    for i, length in enumerate(lengths):
        if length != lengths[0]:
            raise ValueError(
                f"{name}: row {i} has {_entries(length)}, row 0 has {_entries(lengths[0])}; give rows of one length"
            )
    return np.asarray(rows)


def _length(row: Any) -> Optional[int]:
    """Number of entries; None for a single value."""
    if isinstance(row, (str, bytes)) or not hasattr(row, "__len__") or getattr(row, "ndim", 1) == 0:
        return None
    return len(row)


def _entries(length: Optional[int]) -> str:
    if length is None:
        return "no entries but is a single value"
    return f"{length} entr{'y' if length == 1 else 'ies'}"


def to_array(value: Any, name: str) -> np.ndarray:
    """Any array-like as an array of whatever type it has; `name` is the argument's.

    Raises TypeError for what is no array, ValueError for what cannot become one.
    """
    if isinstance(value, np.ma.MaskedArray):
        masked = np.argwhere(np.ma.getmaskarray(value))
        if len(masked):
            raise ValueError(
                f"{name}: {_place(masked[0])} is masked; every entry must have a value: write {name}.filled(0), or "
                "leave its row out"
            )
        return np.asarray(value.data)
    if _is_tensor(value):
        return _of_tensor(value, name)
    if _is_sparse(value):
        return _of_sparse(value, name)
    try:
        array = _of_list(value, name) if isinstance(value, (list, tuple)) else np.asarray(value)
    except ValueError as error:
        raise ValueError(_one_line(error, name)) from None
    except Exception as error:  # whatever another library's __array__ raises
        raise TypeError(f"{_one_line(error, name)}; give a NumPy array") from None
    if array.ndim == 0 and array.dtype.kind in "OSUV":
        raise TypeError(f"{name}: is {kind_of(value)}; give an array, a list of rows, or a table (pandas)")
    return array


def _one_line(error: Exception, name: str) -> str:
    text = " ".join(str(error).split())
    return text if text.startswith(f"{name}: ") else f"{name}: cannot be read as an array ({text})"


def _place(index: Sequence[int]) -> str:
    places = ", ".join(str(int(i)) for i in index)
    return f"entry ({places})" if len(index) > 1 else f"entry {places}"


# ---- to numbers


def to_numbers(array: np.ndarray, name: str, written: Optional[str] = None) -> np.ndarray:
    """An array of real numbers; those of one of NumPy's own types are given back as they are.

    written: how the user writes the array, where that is not `name`. Raises ValueError naming the entry.
    """
    written = written or name
    kind = array.dtype.kind
    if kind in _NUMBERS:
        return array
    if kind == "O":
        return _numbers_of_objects(array, name, written)
    if array.dtype.name == "bfloat16":
        return array.astype(np.float32)
    if kind == "c":
        raise ValueError(f"{name}: holds complex numbers; give real ones: write {written}.real")
    if kind in "US":
        raise ValueError(f"{name}: holds text; {_mend_of_text(array.ravel().tolist(), written)}")
    if kind in "Mm":
        raise ValueError(f"{name}: holds {array.dtype}; give real numbers, such as {written}.astype('int64')")
    if array.dtype.names:
        raise ValueError(
            f"{name}: is a structured array of {', '.join(array.dtype.names)}; write "
            f"numpy.lib.recfunctions.structured_to_unstructured({written})"
        )
    if array.dtype.itemsize == 2:
        raise ValueError(
            f"{name}: holds {array.dtype.str}, two bytes without a type; of bfloat16 numbers write "
            f"({written}.view('u2').astype('u4') << 16).view('f4')"
        )
    raise ValueError(f"{name}: holds {array.dtype}; give real numbers")


def _mend_of_text(texts: Sequence[Any], written: str) -> str:
    try:
        [float(text) for text in texts]
    except ValueError:
        return "give numbers: leave the text out, or write a column of 0 and 1 for each word"
    return f"its numbers are written as text: write {written}.astype(float)"


def _numbers_of_objects(array: np.ndarray, name: str, written: str) -> np.ndarray:
    """Numbers of any of Python's types (int, float, Fraction, Decimal, ...) as float64."""
    for index in np.ndindex(array.shape):
        value = array[index]
        if _is_missing(value) and not isinstance(value, (float, np.floating)):
            raise ValueError(f"{name}: {_place(index)} is {value}; every entry must be a number: fill it, or leave its row out")
        if isinstance(value, (str, bytes)):
            texts = [entry for entry in array.ravel() if isinstance(entry, (str, bytes))]
            raise ValueError(f"{name}: {_place(index)} is the text {value!r}; {_mend_of_text(texts, written)}")
        if hasattr(value, "__len__"):
            raise ValueError(f"{name}: {_place(index)} is {kind_of(value)}; give one array of numbers: write np.stack({written})")
        try:
            float(value)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"{name}: {_place(index)} is {value!r}; give real numbers") from None
    return array.astype(float)


# ---- tables


def _columns_of(frame: Any) -> List[Tuple[Any, Any]]:
    """(label, column) of all columns."""
    labels = list(frame.columns)
    if hasattr(frame, "iloc"):  # pandas: labels may stand twice
        return [(label, frame.iloc[:, j]) for j, label in enumerate(labels)]
    return [(label, frame[label]) for label in labels]


def _numbers_of_column(series: Any, label: Any, name: str) -> np.ndarray:
    missing = np.flatnonzero(_missing_in(series))
    if len(missing):
        raise ValueError(
            f"{name}: row {missing[0]}, column {label!r} is missing; every entry must be a number: write "
            f"{name}.fillna(0), or leave the row out"
        )
    if getattr(series.dtype, "kind", "") in tuple(_NUMBERS):
        values = np.asarray(series.to_numpy(dtype=float))
    else:
        values = np.asarray(series.to_numpy())
        if values.dtype.kind not in _NUMBERS:
            _refuse_text(values, label, name)
            values = to_numbers(values, f"{name}: column {label!r}", f"{name}[{label!r}]")
    unfit = np.flatnonzero(~np.isfinite(values))
    if len(unfit):
        raise ValueError(f"{name}: row {unfit[0]}, column {label!r} is {values[unfit[0]]}; every entry must be finite")
    return values


def _refuse_text(values: np.ndarray, label: Any, name: str) -> None:
    texts = [value for value in values.tolist() if isinstance(value, str)]
    if not texts:
        return
    try:
        [float(text) for text in texts]
        mend = f"write {name}[{label!r}].astype(float)"
    except ValueError:
        mend = f"leave it out, {name}.drop(columns=[{label!r}]), or write pandas.get_dummies({name})"
    raise ValueError(f"{name}: column {label!r} holds text such as {texts[0]!r}; give numbers: {mend}")


def _numbers_of_frame(frame: Any, name: str) -> np.ndarray:
    """(n, d); an entry that is no number is named by its row and its column's label."""
    whole = np.asarray(frame.to_numpy())
    if whole.dtype.kind in _NUMBERS and np.isfinite(whole).all():
        return whole
    columns = [_numbers_of_column(series, label, name) for label, series in _columns_of(frame)]
    return np.stack(columns, axis=1).astype(float) if columns else np.zeros((len(frame), 0))


def split_labels(frame: Any, y: Any) -> Tuple[Any, Any]:
    """(table without the labels, labels): y is the label of a column, or the labels themselves.

    Raises ValueError for a column that is not there (naming the nearest), and for labels among the samples.
    """
    from . import _core

    labels = list(frame.columns)
    if isinstance(y, (str, int, np.integer)):
        if y not in labels:
            near = _core.nearest_name(str(y), [str(label) for label in labels]) if labels else ""
            hint = f"; did you mean {near!r}?" if near else ""
            raise ValueError(f"y: X has no column {y!r}{hint}")
        if labels.count(y) > 1:
            raise ValueError(f"y: X has {labels.count(y)} columns {y!r}; give the labels themselves, y=X.iloc[:, j]")
        column = frame[y]
        rest = frame.drop(columns=[y]) if hasattr(frame, "iloc") else frame.drop(y)
        return rest, column
    if is_series(y):
        _refuse_another_order(frame, y)
        if y.name in labels and labels.count(y.name) == 1:
            if np.array_equal(np.asarray(frame[y.name], dtype=object), np.asarray(y, dtype=object)):
                raise ValueError(f"y: is a column of X too, so samples would hold their labels; write y={y.name!r}")
    return frame, y


def _refuse_another_order(frame: Any, y: Any) -> None:
    """Rows are matched by position: labels of the same rows in another order would go to wrong samples."""
    one: Any = getattr(frame, "index", None)
    other: Any = getattr(y, "index", None)
    if not hasattr(one, "equals") or not hasattr(other, "equals") or len(one) != len(other) or one.equals(other):
        return
    if one.is_unique and one.isin(other).all():
        raise ValueError("y: has the rows of X in another order; write y.loc[X.index], or y.to_numpy() to match by position")


# ---- samples and labels


def to_samples(X: Any, name: str = "X") -> np.ndarray:
    """(n, d) samples of real numbers. Samples of several dimensions, such as images (n, 28, 28), become rows."""
    array = _numbers_of_frame(X, name) if is_frame(X) else to_numbers(to_array(X, name), name)
    if array.ndim == 1:
        raise ValueError(
            f"{name}: has shape ({len(array)},); a sample is a row: write {name}.reshape(1, -1) for one sample, "
            f"{name}.reshape(-1, 1) for samples of one number"
        )
    if array.ndim == 0:
        raise ValueError(f"{name}: is a single number; give n samples of dimension d, an array (n, d)")
    if array.ndim > 2 and array.size:
        return array.reshape(len(array), -1)
    return array


def to_labels(y: Any, positive: Any = None, call: str = "lt.run(X, y, {})") -> np.ndarray:
    """(n,) labels +1.0 and -1.0; of three classes and more, numbered 0, 1, 2, ... without a gap, their numbers.

    positive: the value that counts as +1, where the labels are not +1 and -1. call: what the user is told to write,
    "{}" standing for positive=...
    """
    labels = _vector_of_labels(y)
    values = _distinct(labels)
    if positive is None:
        if all(_key(value) in ("1", "-1") and not isinstance(value, bool) for value in values):
            return labels.astype(float)
        if len(values) == 1:
            raise ValueError(f"y: every label is {_text(values[0])}; give labels of two classes, +1 and -1")
    if positive is None and len(values) > 2 and _numbers_classes(values):
        return labels.astype(float)
    if len(values) > 2:
        first = positive if positive is not None else values[-1]
        raise ValueError(
            f"y: holds {len(values)} different labels ({_listing(values)}), this network has two classes; write "
            f"np.where(np.asarray(y) == {_text(first)}, 1, -1) for one against the rest, or number the classes 0, 1, 2, ..."
        )
    if positive is None:
        chosen, other = values[-1], values[0]
        raise ValueError(
            f"y: the labels are {_text(other)} and {_text(chosen)}; say which one counts as +1: "
            f"{call.replace('{}', 'positive=' + _text(chosen))}, or positive={_text(other)}"
        )
    matching = [value for value in values if _key(value) == _key(positive)]
    if not matching:
        found = "none" if not values else " and ".join(_text(value) for value in values)
        raise ValueError(f"positive: {_text(positive)} is no label; the labels are {found}: give one of them")
    return np.where(np.array([value == matching[0] for value in labels.tolist()], dtype=bool), 1.0, -1.0)


def _numbers_classes(values: List[Any]) -> bool:
    """Whether these labels number classes: 0, 1, ..., K-1, each of them there."""
    if any(isinstance(value, (str, bytes, bool)) for value in values):
        return False
    try:
        return sorted(float(value) for value in values) == [float(k) for k in range(len(values))]
    except (TypeError, ValueError):
        return False


def to_classes(y: Any, positive: Any = None, call: str = "lt.train(X, y, {})") -> Tuple[List[int], Dict[str, int]]:
    """(n) class numbers, and the number of each label by its key.

    Two labels are those of `to_labels`, +1 being class 0; of more, class k is the k-th in ascending order.
    """
    labels = _vector_of_labels(y)
    values = _distinct(labels)
    if positive is not None or len(values) < 3:
        signs = to_labels(labels, positive, call)
        first = "1" if positive is None else _key(positive)
        numbers = {"-1": 1} if positive is None else {_key(value): 1 for value in values}
        return [0 if sign > 0 else 1 for sign in signs], {**numbers, first: 0}
    for value in values:
        if isinstance(value, float) and not value.is_integer():
            raise ValueError(f"y: holds {value!r}; a class is a whole number or a word")
    numbers = {}
    for value in values:
        numbers.setdefault(_key(value), len(numbers))
    return [numbers[_key(label)] for label in labels.tolist()], numbers


def to_known_classes(y: Any, numbers: Dict[str, int], name: str) -> List[int]:
    """(n) class numbers of other samples, by what `to_classes` gave. Raises ValueError for a label that it does not have."""
    classes = []
    for i, label in enumerate(_vector_of_labels(y, name).tolist()):
        if _key(label) not in numbers:
            raise ValueError(f"{name}: label {i} is {_text(label)}, which y does not have; leave its row out")
        classes.append(numbers[_key(label)])
    return classes


def _vector_of_labels(y: Any, name: str = "y") -> np.ndarray:
    """(n,) labels of whatever type; none of them is missing."""
    both = "X and y" if name == "y" else "X_test and y_test"
    if is_frame(y):
        columns = _columns_of(y)
        if len(columns) != 1:
            raise ValueError(f"{name}: is a table of {len(columns)} columns; give one, such as {name}[{list(y.columns)[0]!r}]")
        y = columns[0][1]
    if is_series(y):
        missing = np.flatnonzero(_missing_in(y))
        if len(missing):
            raise ValueError(f"{name}: label {missing[0]} is missing; every sample needs one: leave its row out of {both}")
    labels = to_array(y, name)
    if labels.ndim == 2 and 1 in labels.shape:
        labels = labels.ravel()
    if labels.ndim != 1:
        onehot = labels.ndim == 2 and labels.dtype.kind in _NUMBERS and bool((labels.sum(axis=1) == 1).all())
        mend = f"from columns of 0 and 1, write {name}.argmax(axis=1)" if onehot else "give one label a sample, shape (n,)"
        raise ValueError(f"{name}: has shape ({', '.join(map(str, labels.shape))}); {mend}")
    if labels.dtype.kind not in _NUMBERS + "OUS":
        labels = to_numbers(labels, name)
    for i, label in enumerate(labels.tolist() if labels.dtype.kind in "fO" else ()):
        if _is_missing(label):
            raise ValueError(f"{name}: label {i} is {label}; every sample needs one: leave its row out of {both}")
        if isinstance(label, (list, dict, set, np.ndarray)):
            raise ValueError(f"{name}: label {i} is {kind_of(label)}; give one number or text a sample")
    return labels


def _distinct(labels: np.ndarray) -> List[Any]:
    """The values that occur, in ascending order where they have one, as Python's own objects."""
    values = list(dict.fromkeys(labels.tolist()))
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=str)


def _key(value: Any) -> str:
    """What makes two labels the same, as for labels in files: the number they are, true and false being 1 and 0, or the word."""
    text = label_text(value).strip()
    if text.lower() in ("true", "false"):
        return "1" if text.lower() == "true" else "0"
    try:
        return label_text(float(text))
    except ValueError:
        return text


def label_text(value: Any) -> str:
    """A label as the configuration's data.positive writes it: whole numbers without a point."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _text(value: Any) -> str:
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return repr(value)


def _listing(values: Sequence[Any]) -> str:
    shown = ", ".join(_text(value) for value in values[:3])
    return shown if len(values) <= 3 else f"{shown}, ..."
