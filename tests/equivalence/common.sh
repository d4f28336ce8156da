# What the scripts here share; sourced with BIN_DIR in $bin.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

# layouts LIST...: MODEL TRAINING DEPLOYMENT, one layout a line; a star stands behind those of the quick subset
layouts() {
  (cd "$here" && awk '!/^#/ { for (i = 3; i <= NF; i++) print $1, $2, $i }' "$@")
}

# declaration MODEL DEPLOYMENT: the file here that declares both, or declares the deployment and imports the model.
declaration() {
  local of_model
  of_model=$(grep -lE "^model $1( |:)" "$here"/*.mimo)
  grep -l "^deployment $2 " "$of_model" ||
    grep -lF "import \"${of_model##*/}\"" "$here"/*.mimo | xargs -r grep -l "^deployment $2 "
}

# compile MODEL DEPLOYMENT TRAINING PLAN
compile() {
  "$bin/mimoc" "$(declaration "$1" "$2")" --model "$1" --deployment "$2" --training "$3" -o "$4"
}

# ranks_of PLAN: how many it wants
ranks_of() {
  "$bin/mimoc" show --format json "$1" | sed -n 's/.*"world_size": *\([0-9]*\).*/\1/p' | head -n 1
}

# on_its_ranks PLAN COMMAND...: runs the command on as many ranks as the plan wants.
on_its_ranks() {
  local ranks
  ranks=$(ranks_of "$1")
  shift
  mpirun --oversubscribe -n "$ranks" "$@"
}

# What trains: on CPUs, unless another script says otherwise.
trainer=("$bin/mimo-exec" --backend cpu)

# train MODEL DEPLOYMENT TRAINING METRICS [OPTION...]
train() {
  compile "$1" "$2" "$3" "$4.plan" &&
    on_its_ranks "$4.plan" "${trainer[@]}" --quiet --timeout 60s --metrics "$4" "${@:5}" "$4.plan"
}

# difference A B BOUND [NORM_BOUND]: prints the worst relative difference of losses and gradient norms; fails where it
# exceeds its bound.
difference() {
  local sentence status=0
  sentence=$("$bin/compare-metrics" "$@") || status=$?
  sed 's/.*losses \([^,]*\),.*norms \([^,]*\),.*/\1\n\2/' <<<"$sentence" | sort -g | tail -n 1
  return $status
}
