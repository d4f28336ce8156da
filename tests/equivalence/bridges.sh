#!/usr/bin/env bash
# What bridges carry against their plan and the lower bound: bridges.sh BIN_DIR MODEL DEPLOYMENT
set -euo pipefail
bin=$1 model=$2 deployment=$3
source "$(dirname "$0")/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$bin/mimoc" "$here/bridges.mimo" --model "$model" --deployment "$deployment" -o "$work/plan"
on_its_ranks "$work/plan" "$bin/bridges" "$work/plan"
