#!/usr/bin/env bash
# Gradients against finite differences: gradients.sh BIN_DIR MODEL DEPLOYMENT
set -euo pipefail
bin=$1 model=$2 deployment=$3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

"$bin/mimoc" "$here/layouts.mimo" --model "$model" --deployment "$deployment" --training still -o "$work/plan.bin"
ranks=$("$bin/mimoc" show --format json "$work/plan.bin" | sed -n 's/.*"world_size": *\([0-9]*\).*/\1/p' | head -n 1)
mpirun --oversubscribe -n "$ranks" "$bin/gradients" "$work/plan.bin"
