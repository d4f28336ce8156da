#!/usr/bin/env bash
# One layout of the matrix: layout.sh BIN_DIR REFERENCE_DIR MODEL TRAINING DEPLOYMENT
# Compares loss and gradient norm of each step with the runs on one rank that reference.sh left in REFERENCE_DIR: in fp64
# to 1e-9 over 3 steps, in float32 to 1e-5 over 20. TRAINING is the suffix of these trainings ("whole": double_whole,
# single_whole), "-" for none, or one in bf16 (half, half_...): there each part of a sum is rounded to 8 bits, so that
# losses agree to 1e-3 and norms to 1e-2. The longest training is run twice, and both runs must give the same bits.
# Prints a row of the table of matrix.sh, in which "!" stands behind what fails.
set -uo pipefail
bin=$1 reference=$2 model=$3 training=$4 deployment=$5
source "$(dirname "$0")/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# runs TRAINING NAME [OPTION...]: its metrics go to $work/NAME, the reason of a failure to $work/trouble
runs() {
  train "$model" "$deployment" "$1" "$work/$2" "${@:3}" >"$work/log" 2>&1 && return
  grep -m 1 'error: \|^mimo-exec: ' "$work/log" >>"$work/trouble" || tail -n 1 "$work/log" >>"$work/trouble"
  echo "-!"
  return 1
}

# beside REFERENCE NAME BOUND [NORM_BOUND]
beside() {
  difference "$1" "$work/$2" "${@:3}" || echo "!"
}

case $training in
  -) suffix="" ;;
  half*) suffix=${training#half} ;;
  *) suffix=_$training ;;
esac
fp64=- fp32=- bf16=-
if [[ $training = half* ]]; then
  longest=half
  bf16=$(runs "half$suffix" longest && beside "$reference/$model.half" longest 1e-3 1e-2)
else
  longest=single
  fp64=$(runs "double$suffix" double --steps 3 && beside "$reference/$model.double" double 1e-9)
  fp32=$(runs "single$suffix" longest && beside "$reference/$model.single" longest 1e-5)
fi
bits=$(runs "$longest$suffix" again && beside "$work/longest" again 0)
ranks=$(ranks_of "$work/longest.plan" 2>/dev/null)

row=$(echo "$model" "$training" "$deployment" "${ranks:--}" $fp64 $fp32 $bf16 $bits | sed 's/ !/!/g')
echo "$row $(sort -u "$work/trouble" 2>/dev/null | head -n 1)"
[[ $row != *!* ]]
