#!/usr/bin/env bash
# Checkpoints saved in one layout, resumed in another: resume.sh BIN_DIR SEED COUNT LIST...
# Draws COUNT pairs of layouts of one model from the lists of matrix.sh, of those without a training of their own. The first
# trains two steps and saves, the second goes on to the fourth, each with its own choice of distributed_optimizer; loss and gradient
# norm of all four are in fp64 those of an unbroken run on one rank to 1e-9. Prints a row for each pair, and at the end the worst
# difference.
set -euo pipefail
bin=$1 seed=$2 count=$3
shift 3
source "$(dirname "$0")/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" # here checkpoints go
RANDOM=$seed

layouts "$@" | tr -d '*' | awk '$2 == "-" { print $1, $3 }' >layouts

# draw FILE: sets line to one of it
draw() {
  local lines
  mapfile -t lines <"$1"
  line=${lines[RANDOM % ${#lines[@]}]}
}

# half MODEL DEPLOYMENT TRAINING STEPS METRICS: up to that step, from the newest checkpoint, to a checkpoint
half() {
  printf 'mimo 1\nimport "%s"\ncheckpoint { directory = "checkpoints"  interval = 1000 }\n' "$(declaration "$1" "$2")" |
    "$bin/mimoc" - --model "$1" --deployment "$2" --training "$3" -o plan
  on_its_ranks plan "${trainer[@]}" --quiet --timeout 60s --steps "$4" --metrics "$5" plan
}

failed=0
for ((pair = 1; pair <= count; pair++)); do
  trainings=(double double_whole)
  first=${trainings[RANDOM % 2]} second=${trainings[RANDOM % 2]}
  draw layouts
  read -r model saver <<<"$line"
  { grep "^$model " layouts | grep -v " $saver\$" || echo "$model one"; } >others
  draw others
  read -r _ resumer <<<"$line"

  rm -rf checkpoints halves
  [ -e "$model.whole" ] || train "$model" one double "$model.whole" --steps 4
  { half "$model" "$saver" "$first" 2 halves && half "$model" "$resumer" "$second" 4 halves; } >log 2>&1 || cat log
  worst=$(difference "$model.whole" halves 1e-9) || failed=$((failed + 1)) worst=$worst!
  echo "$model: $saver $first, then $resumer $second: $worst" | tee -a table
done
echo "seed $seed: $count pairs, $failed failed, worst difference $(sed 's/.* //; s/!//' table | sort -g | tail -n 1)"
[ $failed = 0 ]
