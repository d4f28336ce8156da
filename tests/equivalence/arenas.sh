#!/usr/bin/env bash
# The bytes of every arena of every rank against the plan's prediction: arenas.sh BIN_DIR MODEL DEPLOYMENT TRAINING
# TRAINING is the suffix of the trainings, as in a list of layouts.
set -euo pipefail
bin=$1 model=$2 deployment=$3 suffix=_$4
[ "$suffix" != _- ] || suffix=""
source "$(dirname "$0")/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for training in single half double; do
  compile "$model" "$deployment" "$training$suffix" "$work/plan"
  ranks=$(ranks_of "$work/plan")
  for ((rank = 0; rank < ranks; rank++)); do
    "$bin/mimoc" show --cost --rank "$rank" --format json "$work/plan" > "$work/cost.$rank"
  done
  on_its_ranks "$work/plan" "$bin/arenas" "$work/plan" "$work/cost"
done
