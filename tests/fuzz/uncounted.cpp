// For programs that do not count branches: what watched sources call finds this in the library,
// unless coverage.cpp is there.

extern "C" void __sanitizer_cov_trace_pc() {}
