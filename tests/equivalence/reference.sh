#!/usr/bin/env bash
# The runs on one rank that run.sh compares with: reference.sh BIN_DIR REFERENCE_DIR MODEL
set -euo pipefail
bin=$1 reference=$2 model=$3
source "$(dirname "$0")/common.sh"
mkdir -p "$reference"
train "$model" one double "$reference/$model.double"
train "$model" one single "$reference/$model.single"
