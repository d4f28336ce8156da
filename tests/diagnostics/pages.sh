#!/usr/bin/env bash
# Every code has a page in docs/diagnostics, its wrong example gives exactly this code, its right example
# gives nothing, and `mimoc explain` prints what the page says.
#   pages.sh MIMOC
set -euo pipefail
mimoc=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failures=0
sections="Why|At run time|Wrong|Right|What to do|See also"
without_examples=E0901 # nothing that a user writes leads to it

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# The ```mimo blocks of one section, each in a file of the name that stands behind ```mimo, else main.mimo.
split_section() {
  awk -v section="$2" '
    /^## / { in_section = $0 == "## " section }
    /^```/ && file != "" { close(file); file = ""; next }
    /^```mimo/ && in_section { file = NF > 1 ? $2 : "main.mimo"; printf "" > file; next }
    file != "" { print > file }' "$1"
}

# check_example PAGE SECTION CODES: what lint says of the example
check_example() {
  local given status=0
  rm -f ./*.mimo
  split_section "$1" "$2"
  [ -e main.mimo ] || { fail "$(basename "$1"): no example under '$2'"; return; }
  "$mimoc" lint --color never main.mimo >output 2>&1 || status=$?
  given=$(sed -n 's/.* \[\([EW][0-9]\{4\}\)\]$/\1/p' output | sort -u | xargs)
  [ "$given" = "$3" ] && [ $status -le 1 ] ||
    fail "$(basename "$1"), '$2': wanted '$3', given '$given', status $status: $(cat output)"
}

codes=$(sed -n 's/^MIMO_DIAGNOSTIC(\([A-Z0-9]*\),.*/\1/p' "$root/grammar/diagnostics.def")
for code in $codes; do
  page=$root/docs/diagnostics/$code.md
  [ -e "$page" ] || { fail "$code has no page"; continue; }
  wanted=$sections
  [ "$code" != "$without_examples" ] || wanted=${sections/Wrong|Right|/}
  given=$(sed -n 's/^## //p' "$page" | paste -sd '|')
  [ "$given" = "$wanted" ] || fail "$code: its sections are $given"
  for linked in $(grep -o '(\([EW][0-9]*\)\.md)' "$page" | tr -d '()'); do
    [ -e "$root/docs/diagnostics/$linked" ] || fail "$code links to $linked, which is not there"
  done
  "$mimoc" explain "$code" >explained
  head -n 1 explained | grep -q "^$code: " || fail "explain $code begins with $(head -n 1 explained)"
  grep -q '```\|](' explained && fail "explain $code prints Markdown: $(grep '```\|](' explained)"
  # the words are the page's, the marks of Markdown aside
  diff <(sed -n '/^## /,$p' "$page" | grep -v '^```' | sed 's/\[\([EW][0-9]*\)\](\1\.md)/\1/g; s/^## //' | tr -s ' ' '\n') \
    <(tail -n +4 explained | grep -v '^    # .*\.mimo$' | tr -s ' ' '\n') >difference ||
    fail "explain $code differs from its page: $(cat difference)"
  [ "$code" != "$without_examples" ] || continue
  check_example "$page" Wrong "$code"
  check_example "$page" Right ""
done

"$mimoc" explain >list
[ "$(cut -d ' ' -f 1 list | xargs)" = "$(xargs <<<"$codes")" ] || fail "explain does not list all codes"
"$mimoc" explain e0503 w0601 >explained
grep -q '^E0503: ' explained && grep -q '^W0601: ' explained || fail "explain e0503 w0601: $(cat explained)"
status=0
"$mimoc" explain E0500 >explained 2>complaint || status=$?
[ $status = 2 ] && grep -q "did you mean E0501" complaint || fail "explain E0500: status $status, $(cat complaint)"
"$mimoc" explain --color always E0503 | grep -q $'\033\[1mWhy' || fail "explain --color always has no colour"
[ $failures = 0 ] && echo "$(wc -w <<<"$codes") pages checked"
[ $failures = 0 ]
