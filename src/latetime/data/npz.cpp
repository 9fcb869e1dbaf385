#include "latetime/data/npz.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <zip.h>

#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "latetime/data/file_bytes.hpp"
#include "latetime/data/npy.hpp"

namespace latetime {
namespace {

/// Closes without writing; `release()` before zip_close.
using Archive = std::unique_ptr<zip_t, decltype(&zip_discard)>;

std::string zip_message(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string message = printable(zip_error_strerror(&error));
  zip_error_fini(&error);
  return message;
}

Archive open_archive(const std::string& path) {
  require_file(path);
  int code = 0;
  Archive archive(zip_open(path.c_str(), ZIP_RDONLY, &code), zip_discard);
  if (!archive) {
    throw InputError(path, fmt::format("not an NPZ archive, or truncated ({}); write it anew with "
                                       "numpy.savez",
                                       zip_message(code)));
  }
  return archive;
}

/// Array name of a member: "x.npy" holds "x".
std::string array_name(std::string_view member) {
  return std::string(member.ends_with(".npy") ? member.substr(0, member.size() - 4) : member);
}

/// Index of the member that holds the array. Throws InputError that lists what there is.
zip_uint64_t find_member(zip_t* archive, const std::string& path, const std::string& name) {
  const auto count =
      static_cast<zip_uint64_t>(std::max<zip_int64_t>(zip_get_num_entries(archive, 0), 0));
  if (name.empty() && count == 1) return 0;
  constexpr std::size_t most_listed = 12;
  std::vector<std::string> names;
  for (zip_uint64_t i = 0; i < count; ++i) {
    const char* member = zip_get_name(archive, i, ZIP_FL_ENC_RAW);
    if (!member) continue;
    if (!name.empty() && array_name(member) == name) return i;
    if (names.size() < most_listed) names.push_back(printable(array_name(member)));
  }
  if (count > most_listed) names.emplace_back("...");
  if (count == 0) throw InputError(path, "holds no arrays; write it anew with numpy.savez");
  throw InputError(path, fmt::format("{}; name one of its arrays as {}:NAME ({})",
                                     name.empty() ? fmt::format("holds {} arrays", count)
                                                  : fmt::format("no array '{}'", name),
                                     path, join(names)));
}

/// The unpacked member; libzip compares its checksum at the end.
std::string read_member(zip_t* archive, const std::string& path, zip_uint64_t index,
                        std::size_t file_size) {
  // deflate packs at most 1032 bytes into one, and a stream takes a few bytes by itself.
  constexpr zip_uint64_t best_compression = 1032;
  zip_stat_t stat;
  zip_stat_init(&stat);
  constexpr zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
  const std::string damaged = "the archive is damaged; write it anew with numpy.savez";
  if (zip_stat_index(archive, index, 0, &stat) != 0 || (stat.valid & needed) != needed) {
    throw InputError(path, damaged);
  }
  if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE) {
    throw InputError(path, fmt::format("is packed by ZIP method {}; write it anew with numpy.savez "
                                       "or numpy.savez_compressed",
                                       stat.comp_method));
  }
  if (stat.comp_size > file_size || stat.size / best_compression > stat.comp_size) {
    throw InputError(path, damaged);
  }
  const std::unique_ptr<zip_file_t, decltype(&zip_fclose)> file(zip_fopen_index(archive, index, 0),
                                                                zip_fclose);
  if (!file) throw InputError(path, damaged);
  std::string bytes(stat.size, '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const zip_int64_t got = zip_fread(file.get(), bytes.data() + done, bytes.size() - done);
    if (got <= 0) throw InputError(path, damaged);
    done += static_cast<std::size_t>(got);
  }
  // Only the read that finds the end compares the checksum; it also shows bytes beyond the size.
  char beyond = 0;
  if (zip_fread(file.get(), &beyond, 1) != 0) throw InputError(path, damaged);
  return bytes;
}

[[noreturn]] void cannot_write(const std::string& path, const std::string& temporary,
                               const std::string& cause) {
  // libzip tells no errno; a name that is too long cannot be removed either.
  refuse_to_write(path, cause, std::remove(temporary.c_str()) != 0 ? errno : 0);
}

}  // namespace

std::vector<std::string> npz_names(const std::string& path) {
  const Archive archive = open_archive(path);
  std::vector<std::string> names;
  for (zip_int64_t i = 0; i < zip_get_num_entries(archive.get(), 0); ++i) {
    const char* member = zip_get_name(archive.get(), static_cast<zip_uint64_t>(i), ZIP_FL_ENC_RAW);
    if (member) names.push_back(array_name(member));
  }
  return names;
}

NpzMember read_npz_member(const std::string& path, const std::string& name) {
  const Archive archive = open_archive(path);
  const zip_uint64_t index = find_member(archive.get(), path, name);
  const char* raw = zip_get_name(archive.get(), index, ZIP_FL_ENC_RAW);
  const std::string member = printable(array_name(raw ? raw : ""));
  const std::string where = fmt::format("{}:{}", path, member);
  return {where, read_member(archive.get(), where, index, require_file(path))};
}

NumericArray read_npz(const std::string& path, const std::string& name) {
  const NpzMember member = read_npz_member(path, name);
  return parse_npy(member.bytes, member.where);
}

void NpzWriter::add_member(const std::string& name, std::string bytes) {
  if (name.empty() || !members_.emplace(name, std::move(bytes)).second) {
    throw std::invalid_argument("NpzWriter: array '" + name + "' is there already, or unnamed");
  }
}

void NpzWriter::add(const std::string& name, std::span<const std::size_t> shape,
                    std::span<const double> values) {
  add_member(name, npy_bytes(shape, values));
}

void NpzWriter::add(const std::string& name, std::span<const std::size_t> shape,
                    std::span<const std::int64_t> values) {
  add_member(name, npy_bytes(shape, values));
}

void NpzWriter::close() {
  if (members_.empty()) throw std::logic_error("NpzWriter: an archive needs at least one array");
  const std::string temporary = temporary_beside(path_);
  int code = 0;
  Archive archive(zip_open(temporary.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code), zip_discard);
  if (!archive) cannot_write(path_, temporary, zip_message(code));
  // The date that NumPy writes too (1 January 1980), so that equal arrays give equal files.
  constexpr zip_uint16_t midnight = 0, first_day = (1 << 5) | 1;
  for (const auto& [name, bytes] : members_) {
    zip_source_t* source = zip_source_buffer(archive.get(), bytes.data(), bytes.size(), 0);
    const zip_int64_t index =
        zip_file_add(archive.get(), (name + ".npy").c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      zip_source_free(source);
      cannot_write(path_, temporary, zip_strerror(archive.get()));
    }
    const auto member = static_cast<zip_uint64_t>(index);
    zip_set_file_compression(archive.get(), member, ZIP_CM_DEFLATE, 0);
    zip_file_set_dostime(archive.get(), member, midnight, first_day, 0);
  }
  if (zip_close(archive.get()) != 0) {
    cannot_write(path_, temporary, zip_strerror(archive.get()));
  }
  archive.release();  // closed above
  if (std::rename(temporary.c_str(), path_.c_str()) != 0) {
    cannot_write(path_, temporary, "the old file cannot be replaced");
  }
}

}  // namespace latetime
