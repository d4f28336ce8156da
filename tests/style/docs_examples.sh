#!/usr/bin/env bash
# Compiles the examples of the documentation: docs_examples.sh MIMOC. Each ```mimo block of README.md and
# docs/*.md must be free of diagnostics, or, where its first line is `# wrong: CODE...`, give exactly
# these codes. The files examples/*.mimo must be free of errors.
set -euo pipefail
mimoc=$(realpath "$1")
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0 bad=0

# The ```mimo blocks of a document, each to a file that is named after document and line.
split_blocks() {
  awk -v stem="$work/$(basename "$1")" '
    /^```/ && file != "" { close(file); file = ""; next }
    /^```mimo *$/ { file = sprintf("%s-line-%04d.mimo", stem, NR + 1); printf "" > file; next }
    file != "" { print > file }
    END { exit file != "" }' "$1" || { echo "$1: a mimo block has no end"; bad=1; }
}

codes_in() { sed -n 's/.* \[\([EW][0-9]\{4\}\)\]$/\1/p' "$1" | sort -u | xargs; }

check_block() {
  local wanted given status=0
  wanted=$(sed -n '1s/^# wrong: *//p' "$1" | xargs -n 1 2>/dev/null | sort -u | xargs)
  "$mimoc" lint --color never "$1" 2>"$work/output" || status=$?
  given=$(codes_in "$work/output")
  count=$((count + 1))
  [ "$given" != "$wanted" ] || [ $status -gt 1 ] || return 0
  echo "$(basename "$1" .mimo): wanted '$wanted', given '$given', exit status $status"
  cat "$work/output"
  bad=1
}

for document in README.md docs/*.md; do
  [ ! -e "$document" ] || split_blocks "$document"
done
for block in "$work"/*.mimo; do
  check_block "$block"
done
for example in examples/*.mimo; do
  "$mimoc" lint --color never "$example" || { echo "$example has errors"; bad=1; }
  count=$((count + 1))
done
echo "$count examples checked"
exit $bad
