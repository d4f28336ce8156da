#!/usr/bin/env bash
# One random declaration, trained three steps in its layout and on one rank in fp64: declaration.sh BIN_DIR SEED [OPTION...]
# Prints one line: SEED VERDICT DETAIL. The verdict is "equal" with the worst relative difference, "refused" with what this
# version does not carry out, "differs" with the difference or the error, or "hangs". OPTIONs are mimo-exec's.
set -uo pipefail
bin=$1 seed=$2
shift 2
source "$(dirname "$0")/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# draw NAME [OPTION...]: the plan of the declaration, or of the same without its deployment
draw() {
  "$bin/mimo-random" --seed "$seed" --runnable "${@:2}" >"$work/$1.mimo" &&
    "$bin/mimoc" "$work/$1.mimo" -o "$work/$1.plan"
}

options=("$@")
# trains NAME COMMAND...: three steps by its plan
trains() {
  timeout --kill-after 10 120 "${@:2}" "$bin/mimo-exec" --backend cpu --quiet --timeout 60s --steps 3 \
    --metrics "$work/$1" "${options[@]}" "$work/$1.plan"
}

status=0
{ draw layout && draw alone --one-rank &&
  trains layout mpirun --oversubscribe -n "$(ranks_of "$work/layout.plan")" && trains alone; } 2>"$work/log" || status=$?
reason=$(grep -m 1 'error: \|^mimo-exec: ' "$work/log" | sed 's/^mimo-exec: //')
if [ $status = 0 ] && worst=$(difference "$work/alone" "$work/layout" 1e-9); then
  echo "$seed equal $worst"
elif [ $status = 0 ]; then
  echo "$seed differs $worst"
elif [[ $reason = *"does not carry out "* ]]; then
  echo "$seed refused ${reason#*does not carry out }"
elif [ $status = 124 ] || [ $status = 137 ] || [ $status = 7 ]; then
  echo "$seed hangs $reason"
else
  echo "$seed differs ${reason:-status $status}"
fi
