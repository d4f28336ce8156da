#!/usr/bin/env bash
# Gradients against finite differences: gradients.sh BIN_DIR MODEL DEPLOYMENT
set -euo pipefail
bin=$1 model=$2 deployment=$3
source "$(dirname "$0")/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

compile "$model" "$deployment" still "$work/plan"
on_its_ranks "$work/plan" "$bin/gradients" "$work/plan"
