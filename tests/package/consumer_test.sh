#!/usr/bin/env bash
# Installs what was built, moves it elsewhere, builds examples/consumer on it, and sets what that prints beside what the
# installed program computes from the same arrays.
#   consumer_test.sh BUILD SOURCE CMAKE GENERATOR CXX
set -euo pipefail
build=$1 source=$2 cmake=$3 generator=$4 cxx=$5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/moved
unset DESTDIR CMAKE_PREFIX_PATH Latetime_DIR Latetime_ROOT CXXFLAGS LDFLAGS

fail() {
  echo "consumer_test: $1" >&2
  [ $# -lt 2 ] || tail -n 40 "$2" >&2
  exit 1
}

# quietly WHAT COMMAND…: shows what the command said where it fails.
quietly() {
  "${@:2}" >"$work/log" 2>&1 || fail "$1 failed:" "$work/log"
}

install_and_move() {
  quietly "cmake --install" "$cmake" --install "$build" --prefix "$work/installed"
  mv "$work/installed" "$prefix"
  local config named
  config=$(find "$prefix" -name LatetimeConfig.cmake)
  [ -n "$config" ] || fail "no LatetimeConfig.cmake was installed"
  named=$(grep -rlF -e "$source" -e "$build" -e "$work" "$prefix/include" "$(dirname "$config")" || true)
  [ -z "$named" ] || fail "paths of the build stand in $named"
}

check_components() {
  local part
  for part in runtime development; do
    quietly "cmake --install --component $part" \
      "$cmake" --install "$build" --component $part --prefix "$work/parts/$part"
  done
  cd "$work/parts"
  [ "$(find runtime -type f)" = runtime/bin/latetime ] || fail "the component runtime is not the program alone"
  diff <(cd "$prefix" && find . -type f | sort) <(find . -type f | sed 's|^./[a-z]*|.|' | sort) >"$work/log" ||
    fail "the components do not make up the whole:" "$work/log"
  cd / && rm -r "$work/parts"
}

# What an installed header includes is installed, too.
check_includes() {
  local header
  grep -rhoE '^ *# *include "latetime/[^"]+' "$prefix/include" | sed 's/.*"//' | sort -u |
    while read -r header; do
      [ -f "$prefix/include/$header" ] || fail "$header is included by an installed header, and is not installed"
    done
}

build_consumer() {
  quietly "configuring examples/consumer" "$cmake" -S "$source/examples/consumer" -B "$work/consumer" -G "$generator" \
    -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_CXX_FLAGS="-Wall -Wextra -Werror" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON
  quietly "building examples/consumer" "$cmake" --build "$work/consumer"
  local commands=$work/consumer/compile_commands.json
  ! grep -E -- '-W(shadow|pedantic|no-)|-fsanitize|-D(LATETIME|TOML|FMT)' "$commands" ||
    fail "a consumer is compiled with options of the libraries' own"
  grep -q -- '-ffp-contract=off' "$commands" || fail "-ffp-contract=off does not reach a consumer"
}

# What the consumer should print of the run in the folder $1.
expected() {
  awk -F, '
    NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
    (NR - 2) % 20 == 1 {
      printf "%-6s %-17.12g %-17.12g %-17.12g %-15.2g %s\n", $at["step"] != "" ? $at["step"] : "1e" $at["log10_t"],
             $at["log_loss"], $at["stable_rank_pos"], $at["stable_rank_neg"], $at["error_estimate"], $at["engine"]
    }' "$1/metrics.csv"
  "$prefix/bin/latetime" limit "$1" --json | awk -F'[:,]' '
    /"stable_rank": / { inside = 1 }
    inside && /"(pos|neg|all)"/ { ranks = ranks sprintf(" %.12g", $2) }
    /}/ { inside = 0 }
    /"kkt_residual"/ { printf "limit  stable ranks W+, W-, W%s  KKT residual %.2g\n", ranks, $2 }'
}

run_consumer() {
  "$work/consumer/consumer" "$work/run" >"$work/printed" 2>&1 || fail "the consumer failed:" "$work/printed"
  quietly "latetime run" "$prefix/bin/latetime" run "$work/run/config.toml" --out "$work/again"
  cmp "$work/run/metrics.csv" "$work/again/metrics.csv" || fail "consumer and program make different records"
  expected "$work/again" >"$work/expected"
  [ "$(wc -l <"$work/expected")" = 7 ] || fail "the run has not come to t = 10^100 and its limit:" "$work/expected"
  tail -n +2 "$work/printed" | diff "$work/expected" - >"$work/log" ||
    fail "the consumer prints (>) what the program does not compute (<):" "$work/log"
}

# compiles FLAGS… : a program of standard input.
compiles() {
  # shellcheck disable=SC2046  # words of their own
  "$cxx" -x c++ -std=c++20 -fsyntax-only -Wall -Wextra -Werror "$@" \
    $(grep -oE -- '-isystem [^ "]+' "$work/consumer/compile_commands.json" | sed "s|-isystem $prefix|-I $prefix|") -
}

compile_headers() {
  local main=$prefix/include/latetime/latetime.hpp header
  sed -nE 's/^#include "(.*)"/\1/p' "$main" >"$work/headers"
  export -f compiles
  export cxx work prefix
  xargs -P "$(nproc)" -I{} bash -c 'echo "#include \"{}\"" | compiles || { echo "in {}"; exit 255; }' \
    <"$work/headers" >"$work/log" 2>&1 || fail "a header does not compile on its own:" "$work/log"
  [ "$(uname -m)" = x86_64 ] || return 0
  ! echo '#include "latetime/latetime.hpp"' | compiles -mavx 2>"$work/log" ||
    fail "what aligns matrices to 32 bytes compiles"
  grep -q "compile without" "$work/log" || fail "it is refused for another reason:" "$work/log"
}

for step in install_and_move check_components check_includes build_consumer run_consumer compile_headers; do
  SECONDS=0
  $step
  echo "consumer_test: $step, $SECONDS s"
done
