#include <string>
#include <type_traits>
#include <vector>

#include <pybind11/stl.h>

#include "bindings.hpp"
#include "latetime/base/text.hpp"
#include "latetime/experiment/config_fields.hpp"

namespace latetime::python {
namespace py = pybind11;
namespace {

/// {section: {key: value}}, the top level under "".
py::dict values_of(const RunConfig& config) {
  py::dict sections;
  visit_fields(config, [&](const std::string& section, const std::string& key, const auto& value,
                           const std::string&, const FieldRule&) {
    const py::str name(section);
    if (!sections.contains(name)) sections[name] = py::dict();
    if constexpr (Choice<std::decay_t<decltype(value)>>) {
      sections[name][py::str(key)] = py::cast(word_of(value));
    } else {
      sections[name][py::str(key)] = py::cast(value);
    }
  });
  return sections;
}

py::list fields() {
  const py::dict defaults = values_of(RunConfig{});
  py::list list;
  for (const FieldDescription& field : describe_fields()) {
    py::dict entry;
    entry["section"] = field.section;
    entry["key"] = field.key;
    entry["type"] = field.type;
    entry["default"] = defaults[py::str(field.section)][py::str(field.key)];
    entry["meaning"] = field.meaning;
    entry["is_file"] = field.is_file;
    entry["one_of"] = field.one_of;
    list.append(entry);
  }
  return list;
}

}  // namespace

void bind_config(py::module_& module) {
  py::class_<RunConfig>(module, "Config")
      .def("values", values_of)
      .def("to_toml", [](const RunConfig& config) { return to_toml(config); });
  module.def("fields", fields);
  module.def("nearest_name", [](const std::string& word, const std::vector<std::string>& names) {
    return nearest_name(word, names);
  });
  module.def(
      "read_config",
      [](const std::string& path, const std::vector<std::string>& overrides) {
        return read_config(path, overrides);
      },
      py::arg("path"), py::arg("overrides"));
  module.def(
      "parse_config",
      [](const std::string& text, const std::string& origin) {
        return parse_config(text, origin, ".");
      },
      py::arg("text"), py::arg("origin"));
}

}  // namespace latetime::python
