#!/usr/bin/env python3
"""Writes python/latetime/_config.pyi from the library's list of configuration fields.

make_stubs.py writes it; make_stubs.py --check exits with 1 when it is not what would be written.
The package latetime must be importable (PYTHONPATH=build/release/python).
"""

import pathlib
import sys

from latetime import _config

TYPES = {
    "integer": "int",
    "number": "float",
    "flag": "bool",
    "text": "str",
    "texts": "List[Union[str, int, float]]",
}
# Texts that are times, which numbers name as well.
TIMES = {"until"}
CLASSES = {"data": "Data", "network": "Network", "descent": "Descent", "record": "Record"}

HEAD = '''# Written by python/tools/make_stubs.py from the list of fields in src/latetime/experiment/config_fields.hpp.

import os
from typing import Any, Dict, List, Union

def fields() -> List[Dict[str, Any]]: ...
def section_doc(section: str) -> str: ...
def toml_value(value: Any, key: str = ...) -> str: ...
def section_of(key: str) -> str: ...
def assignments(keys: Dict[str, Any]) -> List[str]: ...
def toml_lines(config: Config, prefix: str = ...) -> List[str]: ...
def to_core(config: Config) -> Any: ...
def from_core(core: Any) -> Config: ...
'''

CONFIG = '''
class Config:
    seed: int
    data: Data
    network: Network
    descent: Descent
    record: Record
    def __init__(
        self,
        *,
        seed: int = ...,
        data: Data = ...,
        network: Network = ...,
        descent: Descent = ...,
        record: Record = ...,
    ) -> None: ...
    @classmethod
    def read(cls, path: Union[str, os.PathLike[str]], **keys: Any) -> Config: ...
    def to_toml(self) -> str: ...
    def check(self) -> None: ...
    def with_keys(self, **keys: Any) -> Config: ...
'''


def type_of(field) -> str:
    return "Union[str, int, float]" if field["key"] in TIMES else TYPES[field["type"]]


def section_stub(section: str, name: str) -> str:
    own = [field for field in _config.fields() if field["section"] == section]
    lines = [f"class {name}:"]
    for field in own:
        lines += [f"    {field['key']}: {type_of(field)}", f"    {field['meaning']!r}"]
    lines += ["    def __init__(", "        self,", "        *,"]
    lines += [f"        {field['key']}: {type_of(field)} = {field['default']!r}," for field in own]
    lines.append("    ) -> None: ...")
    return "\n".join(lines) + "\n"


def stubs() -> str:
    sections = [section_stub(section, name) for section, name in CLASSES.items()]
    return "\n".join([HEAD, *sections]) + CONFIG


def main() -> int:
    path = pathlib.Path(__file__).resolve().parents[1] / "latetime" / "_config.pyi"
    if "--check" not in sys.argv[1:]:
        path.write_text(stubs(), encoding="utf-8")
        return 0
    if path.exists() and path.read_text(encoding="utf-8") == stubs():
        return 0
    print(f"{path}: is not what the fields say; run python/tools/make_stubs.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
