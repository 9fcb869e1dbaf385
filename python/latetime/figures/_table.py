"""Tidy CSV files as columns."""

import csv
import os
from typing import Dict, Iterable, Iterator, List, Union

import numpy as np


class Table(Dict[str, np.ndarray]):
    """Columns by name: numbers, or texts where they are none."""

    def groups(self, column: str) -> Iterator["Table"]:
        """The rows of each value of a column, in the order of the file."""
        values = self[column]
        for value in dict.fromkeys(values.tolist()):
            rows = values == value
            yield Table({name: entries[rows] for name, entries in self.items()})


def read_table(source: Union[str, os.PathLike, Iterable[str]]) -> Table:
    """A table from a CSV file, or from its lines. Raises ValueError for a file without rows."""
    if isinstance(source, (str, os.PathLike)):
        with open(source, newline="", encoding="utf-8") as file:
            return read_table(list(file))
    rows = list(csv.DictReader(source))
    if not rows:
        raise ValueError("the table has no rows; make it anew by latetime reproduce")
    return Table({name: _column([row[name] for row in rows]) for name in rows[0]})


def _column(texts: List[str]) -> np.ndarray:
    try:
        return np.array([float(text) if text else np.nan for text in texts])
    except ValueError:
        return np.array(texts)
