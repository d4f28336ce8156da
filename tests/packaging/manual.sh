#!/usr/bin/env bash
# The manual pages: sound for the formatters that are here, and no option, attribute or code is missing.
#   manual.sh SHARE MIMOC
set -euo pipefail
source "$(dirname "$0")/common.sh"
share=$(realpath "$1") mimoc=$(realpath "$2")
needs groff
export LC_ALL=C.UTF-8

for page in "$share"/man/man[15]/*; do
  name=$(basename "$page")
  same "groff on $name" "$(groff -man -ww -Tutf8 "$page" 2>&1 >"$work/$name.txt")" ""
  if command -v man >/dev/null; then
    same "man on $name" "$(man --warnings -l "$page" 2>&1 >/dev/null)" ""
  fi
  if command -v mandoc >/dev/null; then
    # The pages are made, so they carry the version and no date.
    same "mandoc on $name" "$(mandoc -Tlint -Wwarning "$page" | grep -v 'missing date' || true)" ""
  fi
  sed -i 's/\x1b\[[0-9;]*m//g; s/.\x08//g' "$work/$name.txt"
done

# lists PAGE WORD: a line of the page begins with it
lists() {
  count=$((count + 1))
  grep -qE -- "^ +$2( |\$)" "$work/$1.txt" || fail "$1 does not list $2"
}
for word in $("$mimoc" --help | sed -nE 's/^  (-[-A-Za-z]+).*/\1/p' | sort -u); do
  lists mimoc.1 "$word"
done
while IFS=, read -r _ word _; do
  lists mimo-exec.1 "--$(tr -d ' "' <<<"$word")"
done < <(grep '^MIMO_EXEC_OPTION(' "$root/runtime/options.def")
for word in $(sed -nE 's/^MIMO_ATTRIBUTE_NAME\((.*)\)/\1/p' "$root/grammar/attributes.def") \
  $(sed -nE 's/^MIMO_BLOCK\(([a-z]+),.*/\1/p' "$root/grammar/schema.def") \
  $(sed -nE 's/^MIMO_DIAGNOSTIC\((.....),.*/\1/p' "$root/grammar/diagnostics.def"); do
  lists mimo.5 "$word"
done

for word in $("$mimoc" --help | sed -nE 's/^  mimoc ([a-z]+) .*/\1/p'); do
  lists mimoc.1 "$word"
done

# The example of mimo.5 is a declaration, and the one of mimoc.1 that needs no file works.
sed -n '/^EXAMPLE/,/^SYNTAX/p' "$work/mimo.5.txt" | sed '1d; $d' >"$work/example.mimo"
same "the example of mimo.5" "$("$mimoc" lint --color never "$work/example.mimo" 2>&1)" ""
line=$(sed -nE 's/^ +(printf .*)/\1/p' "$work/mimoc.1.txt")
same "the example of mimoc.1" "$(PATH=${mimoc%/*}:$PATH bash -c "$line" 2>&1; echo $?)" 0
finish
