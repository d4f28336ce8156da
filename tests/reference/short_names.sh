#!/usr/bin/env bash
# The first folders of GPT-2 lack "transformer." in front of all names: short_names.sh BIN_DIR
# tiny_gpt answers the same from such a folder. Its header keeps its length: spaces take the word's place.
set -euo pipefail
bin=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp -R "$here/tiny_gpt" "$work"
LC_ALL=C sed 's/"transformer\.\([^"]*\)"/            "\1"/g' "$here/tiny_gpt/model.safetensors" >"$work/tiny_gpt/model.safetensors"
! LC_ALL=C grep -q transformer "$work/tiny_gpt/model.safetensors"
"$bin/mimoc" "$here/tiny_gpt.mimo" --deployment one --training double -o "$work/plan.bin"
"$bin/mimo-exec" --root "$work" --quiet --generate --prompts tiny_gpt/data.json --max-tokens 12 "$work/plan.bin" >"$work/answers.jsonl"
diff "$here/tiny_gpt/answers.jsonl" "$work/answers.jsonl"
