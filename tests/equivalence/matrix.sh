#!/usr/bin/env bash
# The layout matrix, beside one rank: matrix.sh BIN_DIR [--quick] [--only PATTERN] LIST...
# Each line of a list is MODEL TRAINING DEPLOYMENT..., and layout.sh says what is run of it. --quick: only deployments
# marked with a star; --only: those of which "MODEL TRAINING DEPLOYMENT" holds the pattern.
# Prints a row for each layout as it ends: the worst relative difference of its losses and gradient norms in fp64, float32 and
# bf16, and of two runs of it. Then how many layouts there were, how many failed, and the worst of each column.
set -euo pipefail
bin=$1 mark="" pattern=""
shift
source "$(dirname "$0")/common.sh"
while [[ ${1-} = --* ]]; do
  case $1 in
    --quick) mark='[*]$' ;;
    --only) pattern=$2 && shift ;;
    *) echo "matrix.sh: unknown option $1" >&2 && exit 2 ;;
  esac
  shift
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

layouts "$@" | grep -e "$mark" | tr -d '*' | grep -E -e "$pattern" >"$work/layouts" || { echo "no such layout" >&2 && exit 2; }
mkdir "$work/references"
# Two at a time: their ranks wait for each other more than they compute.
awk '$2 ~ /^half/ { print $1, "half"; next } { print $1, "double"; print $1, "single" }' "$work/layouts" | sort -u |
  xargs -P 2 -n 2 "$here/reference.sh" "$bin" "$work/references"
format='%-24s %-10s %-28s %5s %10s %10s %10s %9s %s\n'
printf "$format" model training deployment ranks fp64 float32 bf16 again ""
{ xargs -P 2 -n 3 "$here/layout.sh" "$bin" "$work/references" <"$work/layouts" || true; } | tee "$work/table" |
  while read -r model training deployment ranks fp64 fp32 bf16 again trouble; do
    printf "$format" "$model" "$training" "$deployment" "$ranks" "$fp64" "$fp32" "$bf16" "$again" "$trouble"
  done

# worst COLUMN
worst() {
  cut -d ' ' -f "$1" "$work/table" | tr -d '!' | sort -g | tail -n 1 # a "-" counts as nothing
}
count=$(wc -l <"$work/table")
failed=$(grep -c '!' "$work/table" || true)
echo "$count layouts, $failed failed; worst in fp64 $(worst 5), in float32 $(worst 6), in bf16 $(worst 7), of two runs $(worst 8)"
[ "$failed" = 0 ] && [ "$count" = "$(wc -l <"$work/layouts")" ]
