#!/usr/bin/env bash
# What a step costs in each layout beside one rank: layouts.sh BIN_DIR [ROUNDS [LAYOUT...]]
# BIN_DIR holds mimoc and mimo-exec. docs/performance.md explains the table.
set -euo pipefail
bin=$(realpath "$1") rounds=${2:-5}
shift $(($# > 2 ? 2 : $#))
wanted=" $* "
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
cores=$(nproc)

warm_up=2 # steps of the 8 that are not counted

# model, deployment, ranks
layouts=(
  "dense one 1"
  "dense dp2 2" "dense tp2 2" "dense tp2_plain 2" "dense dp2_tp2 2" "dense cp2 2"
  "dense pp2 2" "dense pp2_encoder_dp2 2" "dense pp2_interleaved 2"
  "dense dp4 4" "dense tp4 4" "dense tp2_dp2 4" "dense pp2_dp2 4" "dense pp2_tp2 4"
  "dense apart_dp2_tp2 4" "dense tp2_pp2_dp2 8"
  "experts one 1" "experts dp2 2" "experts tp2 2" "experts ep2 2"
)

is_wanted() {
  [[ $wanted == "  " || $2 == one || $wanted == *" $2 "* ]]
}

# Appends "model <tab> deployment <tab> ranks <tab> milliseconds" for each step.
time_layout() {
  local model=$1 deployment=$2 ranks=$3
  "$bin/mimoc" layouts.mimo --model "$model" --deployment "$deployment" -o "$work/plan"
  mpirun --oversubscribe -n "$ranks" "$bin/mimo-exec" --backend cpu --quiet --metrics "$work/metrics.jsonl" "$work/plan" \
    2>"$work/log" || { echo "$model $deployment: $(grep -m 1 mimo-exec "$work/log")" >&2; return 0; }
  tail -n "+$((warm_up + 1))" "$work/metrics.jsonl" | sed -n 's/.*"step_ms":\([0-9.e+-]*\).*/\1/p' |
    sed "s/^/$model\t$deployment\t$ranks\t/" >>"$work/results"
}

# The quickest step of each counts: what else the machine does only ever adds. Efficiency is beside as many cores
# as there are, or ranks, that share out one rank's step without loss.
print_table() {
  awk -F '\t' -v cores="$cores" '
    { key = $1 "\t" $2; time[key, ++count[key]] = $4; ranks[key] = $3 }
    count[key] == 1 { keys[++last] = key; best[key] = $4 }
    $4 < best[key] { best[key] = $4 }
    function median(key, i, j, t, v) {
      for (i = 1; i <= count[key]; i++) {
        t = time[key, i]
        for (j = i; j > 1 && v[j - 1] > t; j--) v[j] = v[j - 1]
        v[j] = t
      }
      return v[int((count[key] + 1) / 2)]
    }
    END {
      print "| model | layout | ranks | ms a step | median | of one rank | efficiency |\n|---|---|---|---|---|---|---|"
      for (i = 1; i <= last; i++) {
        split(keys[i], name, "\t")
        one = best[name[1] "\tone"]
        used = ranks[keys[i]] < cores ? ranks[keys[i]] : cores
        printf "| %s | %s | %d | %.1f | %.1f | %.3f | %.0f %% |\n", name[1], name[2], ranks[keys[i]], best[keys[i]],
          median(keys[i]), best[keys[i]] / one, 100 * one / best[keys[i]] / used
      }
    }' "$work/results"
}

: >"$work/results"
for _ in $(seq "$rounds"); do
  for layout in "${layouts[@]}"; do
    # shellcheck disable=SC2086 # the fields are words
    if is_wanted $layout; then time_layout $layout; fi
  done
done
print_table
