#!/usr/bin/env bash
# Random declarations, each trained three steps in its layout and on one rank: soak.sh BIN_DIR FIRST COUNT [MIMO_EXEC_OPTION...]
# Seeds FIRST ... FIRST + COUNT - 1 of mimo-random. Loss and gradient norm must agree to 1e-9 in fp64. Prints the seeds that
# do not, and at the end how many there were and the worst difference.
set -euo pipefail
bin=$1 first=$2 count=$3
shift 3
source "$(dirname "$0")/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# run SEED NAME MIMO_RANDOM_OPTION...: draws, compiles and trains; metrics go to $work/NAME
run() {
  local seed=$1 name=$2
  shift 2
  "$bin/mimo-random" --seed "$seed" --runnable "$@" >"$work/$name.mimo"
  "$bin/mimoc" "$work/$name.mimo" -o "$work/$name.plan" 2>/dev/null
  on_its_ranks "$work/$name.plan" "$bin/mimo-exec" --quiet --timeout 60s --metrics "$work/$name" --steps 3 \
    "${options[@]}" "$work/$name.plan" 2>"$work/$name.log"
}

options=("$@")
failed=0 worst=0
for seed in $(seq "$first" $((first + count - 1))); do
  status=0
  rm -f "$work"/*
  { run "$seed" layout && run "$seed" alone --one-rank &&
    "$bin/compare-metrics" "$work/alone" "$work/layout" 1e-9 >"$work/difference"; } || status=$?
  if [ $status != 0 ]; then
    failed=$((failed + 1))
    echo "seed $seed: $(cat "$work"/{difference,layout.log,alone.log} 2>/dev/null | grep -v '^-\|^$\|MPI_ABORT\|mpirun' | head -n 1)"
  else
    worst=$({ echo "$worst"; sed 's/.*losses \([^,]*\),.*norms \([^,]*\),.*/\1\n\2/' "$work/difference"; } | sort -g | tail -n 1)
  fi
done
echo "$count declarations, $failed differ, worst difference $worst"
[ $failed = 0 ]
