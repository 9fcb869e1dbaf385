#pragma once

#include <cstddef>
#include <string>

namespace latetime {

/// Bytes of memory that this machine has.
double physical_memory();

/// Throws InputError, naming `where`, when n × d numbers that a file holds without their zeros do
/// not fit into memory with them (three times: the file's, the samples, and room to work).
void require_dense(std::size_t n, std::size_t d, const std::string& where);

}  // namespace latetime
