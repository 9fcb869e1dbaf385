#pragma once

namespace latetime::testing_support {

/// How many of `usual` random problems a test looks at: all, or a fifth under the address
/// sanitizer, where a step takes some fifteen times as long and each problem takes the same paths.
template <class Count>
constexpr Count fewer_if_sanitized(Count usual) {
#ifdef __SANITIZE_ADDRESS__
  return (usual + 4) / 5;
#else
  return usual;
#endif
}

}  // namespace latetime::testing_support
