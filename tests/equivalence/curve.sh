#!/usr/bin/env bash
# bf16 learns as float32 does: curve.sh BIN_DIR MODEL DEPLOYMENT
# The losses of 200 steps lie within 1 % of each other; gradient norms, which are no averages, are not held to that.
set -euo pipefail
bin=$1 model=$2 deployment=$3
source "$(dirname "$0")/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

train "$model" "$deployment" curve_single "$work/single"
train "$model" "$deployment" curve_half "$work/half"
"$bin/compare-metrics" "$work/single" "$work/half" 1e-2 inf
