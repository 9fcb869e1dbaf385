"""The configuration as typed objects, made from the library's own list of fields.

`_config.pyi`, for editors and type checkers, is written from the same list by
python/tools/make_stubs.py.
"""

import dataclasses
import json
import os
from typing import Any, Dict, List

from . import _core
from ._checks import kind_of, path_text
from ._names import answers_unknown_names

_FIELDS = _core.fields()
_TYPES = {"integer": int, "number": float, "flag": bool, "text": str, "texts": List[str]}
_SECTIONS = {"data": "Data", "network": "Network", "descent": "Descent", "record": "Record"}
_SUMMARIES = {
    "data": "The samples: the section [data] of a configuration file.",
    "network": "The network and its initial weights: the section [network].",
    "descent": "The descent and how far it goes: the section [descent].",
    "record": "Which times are recorded: the section [record].",
}


def fields() -> List[Dict[str, Any]]:
    """All configuration keys in the order of the file format.

    Each is a dict with section ("" at the top level), key, type ("integer", "number", "flag", "text",
    "texts"), default, meaning, is_file, and one_of (all values there are, or none).
    """
    return [dict(field) for field in _FIELDS]


def section_doc(section: str) -> str:
    """Docstring of a section's class."""
    lines = [_SUMMARIES[section], ""]
    for field in _FIELDS:
        if field["section"] == section:
            lines.append(f"{field['key']} = {field['default']!r}: {field['meaning']}")
    return "\n".join(lines)


def toml_value(value: Any, key: str = "") -> str:
    """A value as TOML text. Raises TypeError, naming the key, for what can be none."""
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()  # NumPy's scalars
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) < 2**63 else f'"{value}"'
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (str, os.PathLike)):
        return json.dumps(os.fspath(value), ensure_ascii=False)
    if isinstance(value, (list, tuple)) or hasattr(value, "tolist"):
        return "[" + ", ".join(toml_value(entry, key) for entry in value) + "]"
    where = f"{key}: " if key else ""
    raise TypeError(f"{where}{value!r} is no value of a configuration; give a number, a text, or a list")


def _changed(section: Any) -> Dict[str, Any]:
    """The fields of a section object that do not have their defaults."""
    values = {}
    for field in dataclasses.fields(section):
        default = field.default if field.default is not dataclasses.MISSING else field.default_factory()
        value = getattr(section, field.name)
        if not (type(value) is type(default) and value == default):
            values[field.name] = value
    return values


def _section_repr(self) -> str:
    inner = ", ".join(f"{key}={value!r}" for key, value in _changed(self).items())
    return f"{type(self).__name__}({inner})"


def _make_section(section: str, name: str) -> type:
    members = []
    for field in _FIELDS:
        if field["section"] != section:
            continue
        default = field["default"]
        if isinstance(default, list):
            made = dataclasses.field(default_factory=lambda value=tuple(default): list(value))
        else:
            made = dataclasses.field(default=default)
        members.append((field["key"], _TYPES[field["type"]], made))
    made_class = dataclasses.make_dataclass(
        name, members, kw_only=True, repr=False, slots=True, namespace={"__repr__": _section_repr}
    )
    setattr(made_class, "__init__", answers_unknown_names(getattr(made_class, "__init__")))
    made_class.__doc__ = section_doc(section)
    made_class.__module__ = "latetime"
    return made_class


Data, Network, Descent, Record = (_make_section(*item) for item in _SECTIONS.items())


@dataclasses.dataclass(kw_only=True, repr=False, slots=True)
class Config:
    """A run: seed, data, network, descent, record, with the names and defaults of CONFIG.toml.

    `Config.read("run.toml")` reads a file, `to_toml()` gives the complete text of one. Values are
    checked when they are used; `check()` does it now. Every failure is a ValueError.
    """

    seed: int = 1
    data: Data = dataclasses.field(default_factory=Data)
    network: Network = dataclasses.field(default_factory=Network)
    descent: Descent = dataclasses.field(default_factory=Descent)
    record: Record = dataclasses.field(default_factory=Record)

    @classmethod
    def read(cls, path, **keys) -> "Config":
        """The configuration of a file, with some keys changed (`width=50`, `until="1e6"`, ...)."""
        return from_core(_core.read_config(path_text(path, "path", "the name of a file"), assignments(keys)))

    def to_toml(self) -> str:
        """Complete TOML text: every key that applies, with its value and a comment."""
        return to_core(self).to_toml()

    def check(self) -> None:
        """Raises ValueError for values that are not possible, alone or together."""
        to_core(self)

    def with_keys(self, **keys) -> "Config":
        """A copy with some keys changed, whatever their section: `config.with_keys(width=50)`."""
        result = dataclasses.replace(
            self, **{name: dataclasses.replace(getattr(self, name)) for name in _SECTIONS}
        )
        for key, value in keys.items():
            section = section_of(key)
            setattr(getattr(result, section) if section else result, key, value)
        return result

    def __repr__(self) -> str:
        parts = [f"seed={self.seed!r}"]
        parts += [f"{name}={getattr(self, name)!r}" for name in _SECTIONS if _changed(getattr(self, name))]
        return f"Config({', '.join(parts)})"


setattr(Config, "__init__", answers_unknown_names(getattr(Config, "__init__")))


def section_of(key: str) -> str:
    """The section of a key ("" at the top level). Raises ValueError, naming the nearest key."""
    found = [field["section"] for field in _FIELDS if field["key"] == key]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"{key}: stands in {' and '.join(found)}; set it in that section's object")
    near = _core.nearest_name(key, [field["key"] for field in _FIELDS])
    section = section_of(near)
    raise ValueError(f"{key}: unknown key; did you mean {section + '.' if section else ''}{near}?")


def assignments(keys: Dict[str, Any]) -> List[str]:
    """Keys without their section as "section.key=value"."""
    lines = []
    for key, value in keys.items():
        section = section_of(key)
        lines.append(f"{section + '.' if section else ''}{key}={toml_value(value, key)}")
    return lines


def toml_lines(config: Config, prefix: str = "") -> List[str]:
    """Its TOML, without keys that have their defaults; `prefix` stands before every key and section."""
    lines = [f"{prefix}seed = {toml_value(config.seed, 'seed')}"]
    for name, made in _SECTIONS.items():
        if type(getattr(config, name)).__name__ != made:
            raise TypeError(f"{name}: is {kind_of(getattr(config, name))}; give an lt.{made}(...)")
        for key, value in _changed(getattr(config, name)).items():
            lines.append(f"{prefix}{name}.{key} = {toml_value(value, f'{name}.{key}')}")
    return lines


def to_core(config: Config):
    """The library's own configuration. Keys at their defaults are left out, as a file may do."""
    return _core.parse_config("\n".join(toml_lines(config)), "configuration")


def from_core(core) -> Config:
    """Typed objects of the library's configuration."""
    values = core.values()
    classes = {"data": Data, "network": Network, "descent": Descent, "record": Record}
    sections = {name: made(**values[name]) for name, made in classes.items()}
    return Config(seed=values[""]["seed"], **sections)
