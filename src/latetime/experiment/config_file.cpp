#include <filesystem>
#include <fstream>
#include <iterator>

#include "latetime/base/error.hpp"
#include "latetime/experiment/config.hpp"

namespace latetime {

RunConfig read_config(const std::string& path, std::span<const std::string> overrides) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    throw InputError(path, "is a folder; name a configuration file (.toml)");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) throw InputError(path, "cannot be read; name an existing configuration file (.toml)");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto folder = std::filesystem::absolute(path).parent_path();
  return parse_config(text, path, folder.string(), overrides);
}

}  // namespace latetime
