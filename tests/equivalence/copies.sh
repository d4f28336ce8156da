#!/usr/bin/env bash
# Whether copies of weights stay equal: copies.sh BIN_DIR MODEL DEPLOYMENT TRAINING...
set -euo pipefail
bin=$1 model=$2 deployment=$3
shift 3
source "$(dirname "$0")/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for training; do
  compile "$model" "$deployment" "$training" "$work/plan"
  on_its_ranks "$work/plan" "$bin/copies" "$work/plan"
done
