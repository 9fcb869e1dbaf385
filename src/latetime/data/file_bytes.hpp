#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace latetime {

/// Size in bytes of a regular file that is not empty (links are followed). Throws InputError when
/// `path` is missing, a folder, a device, or empty.
std::size_t require_file(const std::string& path);

/// The whole file. Throws InputError as `require_file` does, or when it cannot be read.
std::string read_file_bytes(const std::string& path);

/// The first 64 KiB of a file; empty when there is no such file, or it cannot be read.
std::string read_file_start(const std::string& path);

/// A name for a file that is to become `path` by renaming: another one in each process, for folders
/// that no lock guards.
std::string temporary_beside(const std::string& path);

/// Replaces `path` by `bytes`, under a temporary name first, so that a reader never sees a part of
/// it. Throws InputError when that fails; the old file is then untouched.
void replace_file_bytes(const std::string& path, std::string_view bytes);

/// Throws InputError: `path` cannot be written, by that cause. `error` is an errno, 0 unknown.
[[noreturn]] void refuse_to_write(const std::string& path, const std::string& cause, int error);

/// Text from a file of unknown quality, fit to be quoted in a message of one line: what is not
/// seen as a character of UTF-8 (controls, blanks but the plain one, marks) becomes \xNN, and what
/// is longer than 40 bytes is cut.
std::string printable(std::string_view text);

/// a · b; throws InputError(where, "… too large") on overflow.
std::size_t checked_product(std::size_t a, std::size_t b, const std::string& where);

/// Lower-case extension with its dot (".npy"); empty when there is none.
std::string lower_extension(const std::string& path);

}  // namespace latetime
