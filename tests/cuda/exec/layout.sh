#!/usr/bin/env bash
# One layout on emulated devices: layout.sh BIN_DIR PROGRAM_DIR MODEL DEPLOYMENT TRAINING BOUND [NORM_BOUND]
# Loss and gradient norm of four steps agree to the bounds with those of one rank on the CPU. Two runs, in
# which the device carries out blocks, threads and streams in other orders, give the same bits.
set -euo pipefail
bin=$1 program_dir=$2 model=$3 deployment=$4 training=$5
shift 5
source "$(dirname "$0")/../../equivalence/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

trainer=("$bin/mimo-exec" --backend cpu --steps 4)
train "$model" one "$training" "$work/reference"
trainer=("$program_dir/mimo-exec" --backend cuda --steps 4)
MIMO_EMULATION_SEED=1 train "$model" "$deployment" "$training" "$work/first"
MIMO_EMULATION_SEED=2 train "$model" "$deployment" "$training" "$work/second"
"$bin/compare-metrics" "$work/reference" "$work/first" "$@"
"$bin/compare-metrics" "$work/first" "$work/second" 0
