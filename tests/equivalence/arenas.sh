#!/usr/bin/env bash
# The bytes of every arena of every rank against the plan's prediction: arenas.sh BIN_DIR MODEL DEPLOYMENT [SUFFIX]
set -euo pipefail
bin=$1 model=$2 deployment=$3 suffix=${4:-}
source "$(dirname "$0")/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for training in single half double; do
  compile "$model" "$deployment" "$training$suffix" "$work/plan"
  ranks=$("$bin/mimoc" show --format json "$work/plan" | sed -n 's/.*"world_size": *\([0-9]*\).*/\1/p' | head -n 1)
  for ((rank = 0; rank < ranks; rank++)); do
    "$bin/mimoc" show --cost --rank "$rank" --format json "$work/plan" > "$work/cost.$rank"
  done
  on_its_ranks "$work/plan" "$bin/arenas" "$work/plan" "$work/cost"
done
