#!/usr/bin/env bash
# One layout in bf16: bf16.sh BIN_DIR MODEL DEPLOYMENT
# Against one rank, whose sums have other parts: each is rounded to 8 bits, so that losses agree to 1e-3 and norms
# to 1e-2. A second run gives the same bits, and so does one in which every replica updates all of its
# parameters, but for the order in which the squares of the norm are added up.
set -euo pipefail
bin=$1 model=$2 deployment=$3
source "$(dirname "$0")/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

train "$model" one half "$work/one"
train "$model" "$deployment" half "$work/half"
train "$model" "$deployment" half "$work/again"
train "$model" "$deployment" half_whole "$work/whole"
"$bin/compare-metrics" "$work/one" "$work/half" 1e-3 1e-2
"$bin/compare-metrics" "$work/half" "$work/again" 0
"$bin/compare-metrics" "$work/half" "$work/whole" 0 1e-12
