#!/usr/bin/env bash
# What a step communicates against its plan: communication.sh BIN_DIR MODEL DEPLOYMENT TRAINING[:ROUNDS]...
set -euo pipefail
bin=$1 model=$2 deployment=$3
shift 3
source "$(dirname "$0")/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for training; do
  IFS=: read -r name rounds <<< "$training"
  compile "$model" "$deployment" "$name" "$work/plan"
  on_its_ranks "$work/plan" "$bin/communication" "$work/plan" ${rounds:+"$rounds"}
done
