#!/usr/bin/env bash
# The editors' files: every word of the language is in them, and what the generator takes as given is so.
#   editors.sh MIMOC
set -euo pipefail
source "$(dirname "$0")/common.sh"
mimoc=$(realpath "$1")
cd "$root"

for word in $(sed -nE 's/^MIMO_ATTRIBUTE_NAME\((.*)\)/\1/p' grammar/attributes.def) \
  $(sed -nE 's/^MIMO_BLOCK\(([a-z]+),.*/\1/p' grammar/schema.def) \
  $(sed -nE 's/^MIMO_BLOCK\([^,]*, "[^"]*", [A-Z]+, "([^"]*)".*/\1/p' grammar/schema.def) \
  mimo import param assert min max ceil_div true false auto none TiB PFLOPS h; do
  count=$((count + 1))
  grep -qE "[|(]$word[\\|)]" editors/vim/syntax/mimo.vim || fail "Vim does not know $word"
  grep -qE "[|(]$word[|)]" editors/vscode/syntaxes/mimo.tmLanguage.json || fail "VS Code does not know $word"
done

# The words that no table holds.
printf 'mimo 1\nparam a = min(1, 2) + max(1, 2) + ceil_div(7, 2)\nassert a == 7, "sum"\nparam b = [true, false, auto, none]\n' \
  >"$work/words.mimo"
same "words of the grammar" "$("$mimoc" lint "$work/words.mimo" 2>&1)" ""
same "its functions" "$(printf 'mimo 1\nparam a = least(1)\n' | "$mimoc" lint - 2>&1 | sed -n 's/.*the functions are //p')" \
  "min, max and ceil_div"

for file in editors/vscode/*.json editors/vscode/syntaxes/*.json editors/*.json; do
  if command -v python3 >/dev/null; then
    same "$file" "$(python3 -m json.tool "$file" 2>&1 >/dev/null)" ""
  fi
done
finish
