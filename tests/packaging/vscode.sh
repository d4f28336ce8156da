#!/usr/bin/env bash
# The VS Code extension, run by node against a stand-in for the editor. vscode.sh MIMOC
set -euo pipefail
source "$(dirname "$0")/common.sh"
mimoc=$(realpath "$1")
needs node
printf 'mimo 1\nparam a = "\xf0\x9f\x98\x80" == b\n' >"$work/bad.mimo"
result=$(timeout 60 node "$root/tests/packaging/vscode_stand_in.js" "$root/editors/vscode/extension.js" "$mimoc" "$work/bad.mimo")
same "diagnostics" "$result" "$work/bad.mimo 1:18-1:19 error mimoc E0204"
finish
