#!/usr/bin/env bash
# Installs the build and makes its packages, then runs what came out, away from the build: install.sh BUILD
set -euo pipefail
source "$(dirname "$0")/common.sh"
build=$(realpath "$1")
export LC_ALL=C.UTF-8

# check_tree PREFIX WHERE: an installed mimoc compiles an example that imports presets, from another folder
check_tree() {
  local prefix=$1 where=$2
  mkdir -p "$work/elsewhere"
  cd "$work/elsewhere"
  same "$where: lint" "$("$prefix/bin/mimoc" lint "$prefix/share/doc/mimo/examples/llava-1.5-7b.mimo" 2>&1)" ""
  "$prefix/bin/mimoc" "$prefix/share/doc/mimo/examples/llava-1.5-7b.mimo" --deployment pod -o "$where.plan" ||
    fail "$where: no plan"
  same "$where: the plan" "$("$prefix/bin/mimoc" show --format json "$where.plan" | sed -n 's/.*"world_size": *\([0-9]*\).*/\1/p' | head -n 1)" 40
  same "$where: what an import looks in" \
    "$(printf 'mimo 1\nimport "absent.mimo"\n' | "$prefix/bin/mimoc" lint - 2>&1 | sed -n 's/^help: //p')" \
    "it was looked for in . and $prefix/share/mimo/presets"
  same "$where: presets" "$(ls "$prefix/share/mimo/presets")" "$(cd "$root/presets" && ls ./*.mimo | cut -c 3-)"
  for file in man/man5/mimo.5 man/man1/mimoc.1; do
    count=$((count + 1))
    [ -s "$prefix/share/$file" ] || [ -s "$prefix/share/$file.gz" ] || fail "$where: $file is missing"
  done
  for file in bash-completion/completions/mimoc zsh/site-functions/_mimoc fish/vendor_completions.d/mimoc.fish \
    mimo/editors/vim/syntax/mimo.vim mimo/editors/vscode/extension.js doc/mimo/docs/reference.md; do
    count=$((count + 1))
    [ -s "$prefix/share/$file" ] || fail "$where: $file is missing"
  done
  same "$where: templates" "$(find "$prefix" -name '*.in')" ""
}

# ---- cmake --install ----

DESTDIR=$work/destination cmake --install "$build" --prefix /opt/mimo >"$work/log" || fail "install: $(cat "$work/log")"
check_tree "$work/destination/opt/mimo" installed
[ -s "$work/destination/opt/mimo/share/doc/mimo/LICENSE" ] || fail "the licence is missing"
has_runtime=0
[ ! -x "$work/destination/opt/mimo/bin/mimo-exec" ] || has_runtime=1
if [ $has_runtime = 1 ]; then
  same "mimo-exec" "$("$work/destination/opt/mimo/bin/mimo-exec" --version)" \
    "$("$build/bin/mimo-exec" --version)"
else
  same "MPI is not looked for" "$(grep -c '^MPI_' "$build/CMakeCache.txt")" 0
fi

# ---- Debian packages ----

if ! command -v dpkg-shlibdeps >/dev/null; then
  echo "there is no dpkg-shlibdeps: the packages are not checked"
  finish
fi
cd "$work"
cpack --config "$build/CPackConfig.cmake" -G DEB -B "$work/packages" >"$work/log" 2>&1 || fail "cpack: $(cat "$work/log")"
compiler=$(echo "$work"/packages/mimo-compiler_*.deb)
dpkg-deb -x "$compiler" "$work/unpacked"
check_tree "$work/unpacked/usr" unpacked
same "the compiler's dependencies" "$(dpkg-deb -f "$compiler" Depends | sed 's/ ([^)]*)//g')" 'libc6, libjansson4'
if [ $has_runtime = 1 ]; then
  runtime=$(echo "$work"/packages/mimo-runtime_*.deb)
  for package in openmpi-bin libopenmpi3 libopenblas0-serial libjansson4; do
    count=$((count + 1))
    [[ ", $(dpkg-deb -f "$runtime" Depends)" == *", $package"* ]] || fail "mimo-runtime does not depend on $package"
  done
  dpkg-deb -x "$runtime" "$work/unpacked"
  same "mimo-exec of the package" "$("$work/unpacked/usr/bin/mimo-exec" --version)" "$("$build/bin/mimo-exec" --version)"
  both=$(dpkg-deb -c "$runtime" | awk '$1 !~ /^d/ { print $6 }' | sort | comm -12 - <(dpkg-deb -c "$compiler" | awk '$1 !~ /^d/ { print $6 }' | sort))
  same "files in both packages" "$both" ""
fi
if command -v lintian >/dev/null; then
  # The maintainer's address is whoever builds the packages; the runtime wants the serial OpenBLAS.
  same "lintian" "$(lintian --allow-root --suppress-tags bogus-mail-host,bogus-mail-host-in-debian-changelog,custom-library-search-path \
    "$work"/packages/*.deb 2>&1)" ""
else
  echo "there is no lintian: the packages are not judged by it"
fi
finish
