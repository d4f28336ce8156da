#!/usr/bin/env bash
# Times training steps on one GPU beside PyTorch's on the same: cuda.sh BIN_DIR PYTHON ROUNDS
# BIN_DIR holds mimoc and mimo-exec. docs/performance.md explains the table; scripts/bench --backend cuda calls this.
set -euo pipefail
bin=$(realpath "$1") python=$2 rounds=$3
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

warm_up=10 # steps of the 30 that are not counted

# model, training, data, micro-batch, micro-steps
models=("gpt2_xl text words 8 8" "llava_layers pictures captions 4 4")

median() {
  sort -g | awk '{ v[NR] = $1 } END { if (NR) print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

metric() {
  tail -n "+$((warm_up + 1))" "$work/metrics.jsonl" | sed -n "s/.*\"$1\":\([0-9.e+-]*\).*/\1/p" | median
}

# Both append "model <tab> name <tab> milliseconds <tab> MFU" to the results; PyTorch's MFU follows from mimo's.
time_mimo() {
  local model=$1 training=$2 data=$3 micro_batch=$4
  "$bin/mimoc" cuda.mimo --model "$model" --training "$training" --data "$data" --set micro_batch="$micro_batch" \
    -o "$work/plan"
  "$bin/mimo-exec" --backend cuda --quiet --metrics "$work/metrics.jsonl" "$work/plan"
  printf '%s\tmimo\t%s\t%s\n' "$model" "$(metric step_ms)" "$(metric mfu)" >>"$work/results"
}

time_torch() {
  local model=$1 micro_batch=$4 micro_steps=$5 line status=0
  shift 5
  line=$("$python" cuda.py "$model" --micro-batch "$micro_batch" --micro-steps "$micro_steps" "$@" 2>"$work/log") || status=$?
  case $status in
    0) printf '%s\t%s\t\n' "$model" "$line" >>"$work/results" ;;
    3) echo "$python has no PyTorch that sees a GPU: no comparison" >&2 ;;
    *) echo "cuda.py $model $*: $(tail -n 1 "$work/log")" >&2 ;;
  esac
}

print_table() {
  awk -F '\t' '
    { key = $1 "\t" $2 }
    !(key in best) { keys[++count] = key }
    !(key in best) || $3 < best[key] { best[key] = $3; mfu[key] = $4 }
    END {
      printf "%-14s %-28s %10s %8s %10s\n", "model", "program", "ms a step", "MFU", "of mimo"
      for (i = 1; i <= count; i++) {
        split(keys[i], name, "\t")
        own = name[1] "\tmimo"
        printf "%-14s %-28s %10.1f %7.1f%% %10.2f\n", name[1], name[2], best[keys[i]],
          100 * mfu[own] * best[own] / best[keys[i]], best[keys[i]] / best[own]
      }
    }' "$work/results"
}

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
"$bin/mimo-exec" --version
: >"$work/results"
for _ in $(seq "$rounds"); do
  for model in "${models[@]}"; do
    # shellcheck disable=SC2086 # the fields are words
    { time_mimo $model; time_torch $model; time_torch $model --compile; }
  done
done
print_table
