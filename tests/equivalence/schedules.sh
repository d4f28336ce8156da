#!/usr/bin/env bash
# Another schedule of the same layout gives the same bits: schedules.sh BIN_DIR MODEL DEPLOYMENT
set -euo pipefail
bin=$1 model=$2 deployment=$3
source "$(dirname "$0")/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

train "$model" "$deployment" double "$work/1f1b"
train "$model" "$deployment" double_gpipe "$work/gpipe"
"$bin/compare-metrics" "$work/1f1b" "$work/gpipe" 0
