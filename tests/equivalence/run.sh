#!/usr/bin/env bash
# One layout against one rank: run.sh BIN_DIR REFERENCE_DIR MODEL DEPLOYMENT [SUFFIX]
# SUFFIX is that of the trainings to run: "_whole".
# Trains in the layout and compares loss and gradient norm of each step with the run on one rank that
# reference.sh left in REFERENCE_DIR: in fp64 to 1e-9 and in float32 to 1e-5. The float32 run is made
# twice, and both must give the same bits.
set -euo pipefail
bin=$1 reference=$2 model=$3 deployment=$4 suffix=${5:-}
source "$(dirname "$0")/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

train "$model" "$deployment" "double$suffix" "$work/double"
train "$model" "$deployment" "single$suffix" "$work/single"
train "$model" "$deployment" "single$suffix" "$work/again"
"$bin/compare-metrics" "$reference/$model.double" "$work/double" 1e-9
"$bin/compare-metrics" "$reference/$model.single" "$work/single" 1e-5
"$bin/compare-metrics" "$work/single" "$work/again" 0
