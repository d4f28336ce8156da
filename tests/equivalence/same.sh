#!/usr/bin/env bash
# Two declarations that mean the same training: same.sh BIN_DIR DEPLOYMENT MODEL TRAINING MODEL TRAINING BOUND [NORM_BOUND]
# Loss and gradient norm of each step agree to the bound (0: the same bits); the learning rate is left out,
# for one may state it in another way.
set -euo pipefail
bin=$1 deployment=$2
source "$(dirname "$0")/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

train "$3" "$deployment" "$4" "$work/left"
train "$5" "$deployment" "$6" "$work/right"
sed -i 's/"lr":[^,]*,//' "$work/left" "$work/right"
"$bin/compare-metrics" "$work/left" "$work/right" "${@:7}"
