#!/usr/bin/env bash
# Another implementation's numbers: run.sh BIN_DIR DEPLOYMENT TRAINING STEPS BOUND
# Trains the tiny LLaVA in a layout, evaluates its records, and compares all that expected.json holds.
set -euo pipefail
bin=$1 deployment=$2 training=$3 steps=$4 bound=$5
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

# The plan's paths start from --root, and checkpoints are written there: a folder of our own.
ln -s "$here/tiny_llava" "$work/tiny_llava"
"$bin/mimoc" "$here/reference.mimo" --deployment "$deployment" --training "$training" -o "$work/plan.bin"
ranks=$("$bin/mimoc" show --format json "$work/plan.bin" | sed -n 's/.*"world_size": *\([0-9]*\).*/\1/p' | head -n 1)

execute() {
  mpirun --oversubscribe --bind-to none -n "$ranks" "$bin/mimo-exec" --backend cpu --root "$work" --timeout 60s --quiet "$@" "$work/plan.bin"
}

execute --eval tiny_llava/data.json >"$work/records.json"
execute --steps "$steps" --metrics "$work/metrics.json"
"$bin/compare-reference" "$here/tiny_llava/expected.json" "$work/metrics.json" "$work/records.json" \
  "$work/checkpoints/step-00000001" "$steps" "$bound"
