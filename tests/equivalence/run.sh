#!/usr/bin/env bash
# One layout against one rank: run.sh BIN_DIR MODEL DEPLOYMENT TRAINING BOUND
# Trains the model on one rank and in the layout, and compares loss and gradient norm of each step. The
# layout runs twice, and the two runs must give the same bits.
set -euo pipefail
bin=$1 model=$2 deployment=$3 training=$4 bound=$5
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

train() { # name deployment training
  "$bin/mimoc" "$here/layouts.mimo" --model "$model" --deployment "$2" --training "$3" -o "$work/$1.bin"
  ranks=$("$bin/mimoc" show --format json "$work/$1.bin" | sed -n 's/.*"world_size": *\([0-9]*\).*/\1/p' | head -n 1)
  mpirun --oversubscribe -n "$ranks" "$bin/mimo-exec" --quiet --timeout 60s --metrics "$work/$1.json" "$work/$1.bin"
}

train one one "$training"
train layout "$deployment" "$training"
train again "$deployment" "$training"
"$bin/compare-metrics" "$work/layout.json" "$work/again.json" 0
"$bin/compare-metrics" "$work/one.json" "$work/layout.json" "$bound"
