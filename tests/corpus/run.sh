#!/usr/bin/env bash
# Holds mimoc against the corpus (README.md): run.sh MIMOC
#   invalid/  exactly the diagnostics that each header expects, at their places, with their help
#   valid/    no diagnostic at all, and a plan that `mimoc show` reads
set -euo pipefail
mimoc=$(realpath "$1")
if [ ! -x "$mimoc" ]; then
  echo "run.sh: there is no program $mimoc" >&2
  exit 2
fi
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export NO_COLOR=1

cases_min=80 # in each folder
invalid=(invalid/*.mimo)
valid=(valid/*.mimo)
failures=0

complain() {
  echo "$*"
  failures=$((failures + 1))
}

# What mimoc says of each invalid file, as JSON with its exit status behind.
report_invalid() {
  local file name status
  for file in "${invalid[@]}"; do
    name=${file#invalid/}
    status=0
    "$mimoc" lint --format json "$file" >"$work/${name%.mimo}.json" || status=$?
    echo "status $status" >>"$work/${name%.mimo}.json"
  done
}

# check_plans FILE OPTIONS...: one plan for each list of options
check_plans() {
  local file=$1 options
  shift
  for options in "$@"; do
    # shellcheck disable=SC2086 # the options are words
    if ! "$mimoc" $options "$file" -o "$work/plan"; then
      complain "$file: not compiled with '$options'"
    elif ! "$mimoc" show "$work/plan" >"$work/shown" || [ ! -s "$work/shown" ]; then
      complain "$file: its plan cannot be shown"
    fi
  done
}

report_invalid & # on the other core

status=0
"$mimoc" lint "${valid[@]}" >"$work/said" 2>&1 || status=$?
if [ $status != 0 ] || [ -s "$work/said" ]; then
  cat "$work/said"
  complain "valid/ is not silent, exit status $status"
fi

declare -A options_of
while IFS= read -r line; do
  options_of[${line%%:*}]+=${line#*# compile: }$'\n'
done < <(grep -H '^# compile: ' "${valid[@]}")
for file in "${valid[@]}"; do
  mapfile -t options <<<"${options_of[$file]-}"
  [ ${#options[@]} = 1 ] || unset 'options[-1]'
  [ "${options[0]}" = none ] || check_plans "$file" "${options[@]}"
done

wait
awk -f compare.awk README.md "${invalid[@]}" "$work"/*.json || complain "invalid/ and its headers differ"

for count in ${#invalid[@]} ${#valid[@]}; do
  [ "$count" -ge $cases_min ] || complain "$count cases are too few: at least $cases_min"
done
echo "${#invalid[@]} invalid and ${#valid[@]} valid declarations, $failures complaints"
[ $failures = 0 ]
