#!/usr/bin/env bash
# Another implementation's numbers: run.sh BIN_DIR MODEL DEPLOYMENT TRAINING STEPS BOUND
# Trains a model of this folder in a layout, evaluates its records, and compares all that expected.json
# holds; where the folder has answers, they are those that the model generates.
set -euo pipefail
bin=$1 model=$2 deployment=$3 training=$4 steps=$5 bound=$6
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

# The plan's paths start from --root, and checkpoints are written there: a folder of our own.
ln -s "$here/$model" "$work/$model"
"$bin/mimoc" "$here/$model.mimo" --deployment "$deployment" --training "$training" -o "$work/plan.bin"
ranks=$("$bin/mimoc" show --format json "$work/plan.bin" | sed -n 's/.*"world_size": *\([0-9]*\).*/\1/p' | head -n 1)

execute() {
  mpirun --oversubscribe --bind-to none -n "$ranks" "$bin/mimo-exec" --backend cpu --root "$work" --timeout 60s --quiet "$@" "$work/plan.bin"
}

execute --eval "$model/data.json" >"$work/records.json"
if [ -e "$here/$model/answers.jsonl" ]; then
  execute --generate --prompts "$model/data.json" --max-tokens 12 >"$work/answers.jsonl"
  diff "$here/$model/answers.jsonl" "$work/answers.jsonl"
fi
execute --steps "$steps" --metrics "$work/metrics.json"
"$bin/compare-reference" "$here/$model/expected.json" "$work/metrics.json" "$work/records.json" \
  "$work/checkpoints/step-00000001" "$steps" "$bound"
