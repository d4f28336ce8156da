#!/usr/bin/env bash
# Runs mimoc over every *.mimo here and compares what it prints, and its exit status, with *.expected.
#   run.sh MIMOC [NAME...]
#   run.sh MIMOC --bless NAME...    rewrites the expectations of these files, and of no others
# A file is checked with `mimoc lint FILE`, or with what a comment `# run: lint --format json` in it says.
set -euo pipefail
mimoc=$(realpath "$1")
presets=${mimoc%/*/*}/share/mimo/presets # this machine's; called PRESETS in what is expected
shift
bless=no
if [ "${1:-}" = --bless ]; then
  bless=yes
  shift
  if [ $# = 0 ]; then
    echo "run.sh: --bless needs the names of the files whose output is meant to change" >&2
    exit 2
  fi
fi
cd "$(dirname "$0")"
export NO_COLOR=1

output() {
  local arguments status=0
  arguments=$(sed -n 's/.*# run: //p' "$1" | head -n 1)
  # shellcheck disable=SC2086 # the arguments are words
  "$mimoc" ${arguments:-lint} "$1" 2>&1 | sed "s|$presets|PRESETS|g" || status=$?
  echo "status $status"
}

failures=0
count=0
for file in ${*:-*.mimo}; do
  file=${file%.mimo}.mimo
  expected=${file%.mimo}.expected
  count=$((count + 1))
  if [ $bless = yes ]; then
    output "$file" >"$expected"
  elif ! diff -u --label "$expected" --label "what mimoc prints" "$expected" <(output "$file"); then
    failures=$((failures + 1))
  fi
done
echo "$count golden files, $failures differ"
[ $failures = 0 ]
