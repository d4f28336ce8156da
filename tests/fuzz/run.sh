#!/usr/bin/env bash
# Runs every fuzzer for some seconds, all at once, and fails where one finds something.
#   run.sh --check           succeeds where clang has libFuzzer
#   run.sh FOLDER SECONDS    the fuzzers in FOLDER, from a build with -DMIMO_FUZZ=ON
# What is found lies in FOLDER/found, new inputs in FOLDER/corpus.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

if [ "$1" = --check ]; then
  probe=$(mktemp -d)
  trap 'rm -rf "$probe"' EXIT
  echo 'int LLVMFuzzerTestOneInput(const unsigned char *bytes, unsigned long size) { (void)bytes; return size > 9; }' >"$probe/probe.c"
  clang -fsanitize=fuzzer,address,undefined -o "$probe/probe" "$probe/probe.c" 2>/dev/null
  exit
fi

folder=$(realpath "$1") seconds=$2
mkdir -p "$folder/found" "$folder/empty"
cd "$folder/empty" # imports of inputs find nothing here

# fuzz NAME SEEDS... -- OPTIONS...
fuzz() {
  local name=$1 seeds=()
  shift
  while [ "$1" != -- ]; do seeds+=("$1"); shift; done
  shift
  mkdir -p "$folder/corpus/$name"
  "$folder/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$folder/found/$name-" \
    "$@" "$folder/corpus/$name" "${seeds[@]}" </dev/null >"$folder/$name.log" 2>&1 ||
    { tail -n 40 "$folder/$name.log" >&2; return 1; }
  sed -n "s/^Done \([0-9]*\) runs in \([0-9]*\) second.*/$name: \1 runs in \2 s/p" "$folder/$name.log"
}

fuzz fuzz_compile "$here/corpus/fuzz_compile" "$here/../golden" "$here/plans" -- -dict="$here/mimo.dict" -max_len=4096 &
compile=$!
fuzz fuzz_plan "$here/corpus/fuzz_plan" -- -max_len=200 &
plan=$!
fuzz fuzz_lsp "$here/corpus/fuzz_lsp" -- -dict="$here/mimo.dict" -max_len=8192 &
lsp=$!
status=0
wait $compile || status=1
wait $plan || status=1
wait $lsp || status=1
exit $status
