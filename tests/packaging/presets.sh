#!/usr/bin/env bash
# The presets: each is free of diagnostics, alone and as its own header says to use it; the search for imports.
#   presets.sh MIMOC
set -euo pipefail
source "$(dirname "$0")/common.sh"
mimoc=$(realpath "$1")
cd "$work"

# What a model or a training lacks to be a whole declaration.
training=$'import "llava-pretrain.mimo"\ntraining : llava_pretrain { }\n'
data=$'data { format = llava  train = "train.json"  media = "images"  tokenizer = "bytes" }\n'

# check NAME TEXT: no diagnostics
check() {
  local output
  printf '%s' "$2" >"$1"
  output=$("$mimoc" lint --color never -Werror "$1" 2>&1) || true
  same "$1" "$output" ""
}

# The code lines of a preset's header.
header() { sed -n '/^#     /s/^#     //p; /^mimo 1/q' "$1"; }

for preset in "$root"/presets/*.mimo; do
  name=$(basename "$preset")
  text=$'mimo 1\n'"import \"$name\""$'\n'
  example=$'mimo 1\n'$(header "$preset")$'\n'
  grep -q '^model' "$preset" && text+=$training$data
  grep -q '^model' <<<"$example" && example+=$data
  if grep -q '^model' <<<"$example" && ! grep -q '^training' <<<"$example"; then example+=$training; fi
  check "use-$name" "$text"
  check "header-$name" "$example"
  grep -q "import \"$name\"" <<<"$example" || fail "$name: its header does not import it"
done

# All of them together: no name is used twice.
all=$'mimo 1\n'
for preset in "$root"/presets/*.mimo; do
  case $preset in *finetune*) ;; *) all+="import \"$(basename "$preset")\""$'\n' ;; esac
done
check all.mimo "$all$data"
names=$(sed -nE 's/^(model|training|cluster|deployment|data) ([a-z0-9_]+).*/\2/p' "$root"/presets/*.mimo)
same "names that are used twice" "$(sort <<<"$names" | uniq -d)" ""
for name in $names; do
  grep -q "\`$name\`" "$root/presets/README.md" || fail "presets/README.md lacks $name"
done

# The order: beside the importing file, -I, presets; and a file may carry the name of what it imports.
mkdir beside folder
printf 'mimo 1\nparam place = 1\n' >beside/clusters.mimo
printf 'mimo 1\nparam place = 2\n' >folder/clusters.mimo
printf 'mimo 1\nimport "clusters.mimo"\nassert place == 1, "beside"\n' >beside/main.mimo
printf 'mimo 1\nimport "clusters.mimo"\nassert place == 2, "in the folder"\n' >main.mimo
printf 'mimo 1\nimport "llava-tiny.mimo"\nmodel mine : llava_tiny { }\n%s%s' "$training" "$data" >llava-tiny.mimo
same "beside" "$("$mimoc" lint -I folder beside/main.mimo 2>&1)" ""
same "folder" "$("$mimoc" lint -I folder main.mimo 2>&1)" ""
same "own name" "$("$mimoc" lint llava-tiny.mimo 2>&1)" ""
printf 'mimo 1\nimport "itself.mimo"\n' >itself.mimo
same "circle" "$("$mimoc" lint itself.mimo 2>&1 | grep -c 'closes a circle')" 1
printf 'mimo 1\nimport "absent.mimo"\n' >lost.mimo
same "where it looked" "$("$mimoc" lint -I folder lost.mimo 2>&1 | grep '^help')" \
  "help: it was looked for in ., folder and ${mimoc%/*/*}/share/mimo/presets"

# The program brings its presets along, is followed through a link, and else looks where it was to be installed.
mkdir -p moved/bin moved/share/mimo bare
cp "$mimoc" moved/bin/mimoc
cp -r "$root/presets" moved/share/mimo/presets
ln -s ../moved/bin/mimoc folder/mimoc
cp "$mimoc" bare/mimoc
looks() { "$1" lint lost.mimo 2>&1 | sed -n 's/^help: it was looked for in . and //p'; }
same "moved" "$(looks moved/bin/mimoc)" "$(realpath moved)/share/mimo/presets"
same "linked" "$(looks folder/mimoc)" "$(realpath moved)/share/mimo/presets"
[[ $(looks bare/mimoc) == /*/share/mimo/presets && $(looks bare/mimoc) != "$work"* ]] ||
  fail "without presets beside it: $(looks bare/mimoc)"
finish
