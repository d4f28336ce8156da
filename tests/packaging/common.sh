# What the scripts here share; sourced, not run. A script ends with `finish`.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
count=0

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# same WHAT GIVEN WANTED
same() {
  count=$((count + 1))
  [ "$2" = "$3" ] || fail "$1: given '$2', wanted '$3'"
}

# needs PROGRAM...: the test is skipped, as ctest shows, where the machine lacks one
needs() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || { echo "SKIPPED: there is no $program"; exit 77; }
  done
}

finish() {
  echo "$count checks, $failures failed"
  [ $failures -eq 0 ] && [ $count -gt 0 ]
  exit
}
