# What the scripts here share; sourced with BIN_DIR in $bin.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

# compile MODEL DEPLOYMENT TRAINING PLAN; the models of pipelines.mimo are the deep ones and gpt.
compile() {
  local file=layouts.mimo
  [[ $1 != deep* && $1 != gpt* ]] || file=pipelines.mimo
  "$bin/mimoc" "$here/$file" --model "$1" --deployment "$2" --training "$3" -o "$4"
}

# on_its_ranks PLAN COMMAND...: runs the command on as many ranks as the plan wants.
on_its_ranks() {
  local ranks
  ranks=$("$bin/mimoc" show --format json "$1" | sed -n 's/.*"world_size": *\([0-9]*\).*/\1/p' | head -n 1)
  shift
  mpirun --oversubscribe -n "$ranks" "$@"
}

# What trains: on CPUs, unless another script says otherwise.
trainer=("$bin/mimo-exec" --backend cpu)

# train MODEL DEPLOYMENT TRAINING METRICS
train() {
  compile "$1" "$2" "$3" "$4.plan"
  on_its_ranks "$4.plan" "${trainer[@]}" --quiet --timeout 60s --metrics "$4" "$4.plan"
}
