#!/usr/bin/env bash
# A run on one rank that layout.sh compares with: reference.sh BIN_DIR REFERENCE_DIR MODEL double|single|half
set -euo pipefail
bin=$1 reference=$2 model=$3 training=$4
source "$(dirname "$0")/common.sh"
steps=20
[ "$training" != double ] || steps=3
train "$model" one "$training" "$reference/$model.$training" --steps $steps
