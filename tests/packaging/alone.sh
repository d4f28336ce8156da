#!/usr/bin/env bash
# The compiler is configured alone, as the preset "compiler" says: nothing of the runtime's is looked for, or
# needed where it is missing. alone.sh CMAKE
set -euo pipefail
source "$(dirname "$0")/common.sh"
cmake=$1
jansson=$(pkg-config --variable=pcfiledir jansson)/jansson.pc
mkdir "$work/known"
cp "$jansson" "$work/known"
export PKG_CONFIG_LIBDIR=$work/known # of the libraries that pkg-config knows, mimoc needs this one
cd "$root"
"$cmake" --preset compiler -B "$work/build" -DCMAKE_DISABLE_FIND_PACKAGE_MPI=ON >"$work/log" 2>&1 || fail "$(cat "$work/log")"
same "what was looked for" "$(grep -oE '^(MPI|OPENBLAS|DNNL|SPNG|FREETYPE)_[A-Za-z_]*' "$work/build/CMakeCache.txt" | xargs)" ""
targets=$("$cmake" --build "$work/build" --target help)
for target in mimoc mimo_share; do
  count=$((count + 1))
  grep -q "^$target:" <<<"$targets" || fail "there is no target $target"
done
count=$((count + 1))
! grep -q "^mimo-exec:" <<<"$targets" || fail "mimo-exec is built as well"
finish
