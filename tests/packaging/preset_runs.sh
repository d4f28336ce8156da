#!/usr/bin/env bash
# The tiny preset trains: two steps of synthetic data on three ranks, one for the encoder. preset_runs.sh BIN
set -euo pipefail
source "$(dirname "$0")/common.sh"
bin=$(realpath "$1")
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
cd "$work"
cat >tiny.mimo <<'END'
mimo 1
import "llava-tiny.mimo"
deployment apart {
  mode = heterogeneous
  parallelism clip { data_parallel = 1 }
  parallelism llm { tensor_parallel = 2  data_parallel = 1  rank_offset = 1 }
}
training {
  steps = 2  global_batch = 4  micro_batch = 2  sequence_length = 48
  optimizer adamw { lr = 1e-3 }
}
data { format = synthetic }
END
"$bin/mimoc" tiny.mimo -o tiny.plan
mpirun --oversubscribe -n 3 "$bin/mimo-exec" --backend cpu tiny.plan --quiet --timeout 60s --metrics metrics || fail "status $?"
same "steps" "$(grep -c '"loss":[0-9]' metrics)" 2
# 320 equally likely tokens cost ln 320 = 5.77 each; an untrained model is near that.
same "the first loss" "$(sed -nE '1s/.*"loss":([0-9]+)\.([0-9]).*/\1/p' metrics)" 5
finish
