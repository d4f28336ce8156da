#!/usr/bin/env bash
# The bubbles of pipelines of slowed-down stages beside what is predicted: bubble.sh BIN_DIR
# BIN_DIR holds mimoc and bench-bubble. docs/performance.md has the table. Ranks run in real time where the user may
# have that: else other work on the machine delays whoever wakes.
set -euo pipefail
bin=$(realpath "$1")
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
at_once=()
if chrt -f 20 true 2>/dev/null; then at_once=(chrt -f 20); fi

# training, stages, chunks of a stage, micro-steps
pipelines=(
  "gpipe 4 1 8"
  "one_forward_one_backward 2 1 8" "one_forward_one_backward 4 1 8" "one_forward_one_backward 8 1 16"
  "one_forward_one_backward 2 2 8" "one_forward_one_backward 4 2 8" "one_forward_one_backward 8 2 16"
  "one_forward_one_backward 4 3 8" "one_forward_one_backward 4 4 8" "one_forward_one_backward 2 4 6"
)

echo "| schedule | p | v | m | ideal ms | step ms | predicted | measured | difference |"
echo "|---|---|---|---|---|---|---|---|---|"
for pipeline in "${pipelines[@]}"; do
  read -r training stages chunks micro_steps <<<"$pipeline"
  "$bin/mimoc" bubble.mimo --training "$training" --set stages="$stages" --set chunks="$chunks" \
    --set micro_steps="$micro_steps" -o "$work/plan"
  "${at_once[@]}" mpirun --oversubscribe -n "$stages" "$bin/bench-bubble" "$work/plan"
done
