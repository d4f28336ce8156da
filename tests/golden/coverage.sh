#!/usr/bin/env bash
# Every code of grammar/diagnostics.def is hit by a golden file, and none of the *_ok files hits any.
set -euo pipefail
cd "$(dirname "$0")"
failures=0
for code in $(sed -n 's/^MIMO_DIAGNOSTIC(\([A-Z0-9]*\),.*/\1/p' ../../grammar/diagnostics.def); do
  # Only a mistake of ours hits E0901; tests/unit/compiler/test_schedule.c does.
  if [ "$code" != E0901 ] && ! grep -q "\[$code\]\|\"code\": \"$code\"" ./*.expected; then
    echo "no golden file hits $code"
    failures=$((failures + 1))
  fi
done
for file in *_ok.expected; do
  if [ "$(cat "$file")" != "status 0" ]; then
    echo "$file is not silent"
    failures=$((failures + 1))
  fi
done
[ $failures = 0 ]
