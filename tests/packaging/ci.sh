#!/usr/bin/env bash
# What a repository's CI takes from here: the hooks, the action with its own commands run, the problem matchers,
# the examples of the README.   ci.sh MIMOC
set -euo pipefail
source "$(dirname "$0")/common.sh"
mimoc=$(realpath "$1")
needs python3 git
python3 -c 'import yaml' 2>/dev/null || { echo "SKIPPED: python3 has no yaml"; exit 77; }
export PATH=${mimoc%/*}:$PATH
read_yaml() { python3 "$root/tests/packaging/read_yaml.py" "$@"; }

# A repository with a good and a bad declaration.
repository=$work/repository
mkdir -p "$repository/a folder"
cd "$repository"
git init -q .
printf 'mimo 1\nimport "clusters.mimo"\n' >good.mimo
printf 'mimo 1\nparam a = b\n' >"a folder/bad.mimo"
printf 'mimo 1\n# mimoc: allow W0601 -- nothing is idle\n' >warned.mimo
git add .

# The hooks: each command is one of mimoc's, and the files are the declarations.
help=$(mimoc --help)
while read -r id command files; do
  grep -q "^  mimoc $command \[options\] FILE" <<<"$help" || fail "hook $id: there is no '$command'"
  same "hook $id" "$(git ls-files | grep -cE "$files")" 3
done < <(read_yaml hooks "$root/.pre-commit-hooks.yaml")
same "hooks" "$(read_yaml hooks "$root/.pre-commit-hooks.yaml" | cut -d ' ' -f 1 | xargs)" "mimoc-lint mimoc-fmt"

# The action: its lint step as GitHub runs it, over the repository.
read_yaml step "$root/action.yml" Lint >"$work/lint.sh"
action() {
  local status=0
  FILES=$1 OPTIONS=$2 SARIF=$3 bash --noprofile --norc -eo pipefail "$work/lint.sh" >"$work/log" 2>&1 || status=$?
  echo $status
}
same "action on a good file" "$(action good.mimo '' '')" 0
same "action on a warning" "$(action warned.mimo '' '')" 0
same "action with an option" "$(action warned.mimo -Werror '')" 1
same "action on all files" "$(action '*.mimo' '' "$work/results.sarif")" 1
grep -q '^::error .*file=a folder/bad.mimo' "$work/log" || fail "the action does not point at the file: $(cat "$work/log")"
same "SARIF" "$(read_yaml sarif "$work/results.sarif")" "E0204 W0101"
same "action without files" "$(action '*.none' '' '')" 0
same "the action's build" "$(read_yaml step "$root/action.yml" 'Build mimoc' | bash -n 2>&1)" ""
read_yaml step "$root/action.yml" 'Build mimoc' | grep -oE '[-]DMIMO_[A-Z]+' | while read -r option; do
  grep -q "^option(${option#-D} " "$root/CMakeLists.txt" || echo "$option"
done >"$work/unknown"
same "options that CMake lacks" "$(cat "$work/unknown")" ""

# The problem matchers find what mimoc prints.
mimoc lint --color never 'a folder/bad.mimo' warned.mimo 2>"$work/text" || true
mimoc lint --format json 'a folder/bad.mimo' warned.mimo >"$work/report" || true
wanted=$(read_yaml report "$work/report")
same "diagnostics" "$(wc -l <<<"$wanted")" 2
for file in "$root/editors/problem-matcher.json" "$root/editors/vscode/package.json"; do
  given=$(read_yaml matcher "$file" "$work/text")
  same "$(basename "$file")" "$given" "$wanted"
done

# The README: every example is YAML, names this action or a hook, and the shell line works.
read_yaml readme "$root/README.md" "$root" || fail "the README's YAML"
count=$((count + 1))
line=$(sed -n 's/^Anywhere else: `\([^`]*\)`.*/\1/p' "$root/README.md")
same "the README's shell line" "$(bash -c "$line" >/dev/null 2>&1; echo $?)" 123
git rm -q --cached 'a folder/bad.mimo' warned.mimo
same "the README's shell line, all good" "$(bash -c "$line" 2>&1; echo $?)" 0
finish
