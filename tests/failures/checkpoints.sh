# shellcheck shell=bash disable=SC2154
# Checkpoints that cannot be written or read, and runs that go on from them.

unwritable() { # options...
  compile plan tiny apart double invented
  : >"$work/occupied" # a regular file where a folder shall be
  execute 3 --quiet --root "$work/occupied" "$@" "$work/plan"
  expect_failure 9 ".*$work/occupied.*: (Not a directory|File exists)"
}

case_unwritable_checkpoint() {
  unwritable --resume none
}

case_unreadable_checkpoints() {
  unwritable
}

# Ten steps at once, by default on two ranks, and five of them after a stop, in the same layout or in another.
resume() { # deployment training, and of the rest: ranks deployment training; bound
  local ranks=${ranks:-2} model=${model:-tiny}
  compile whole "$model" "$1" "$2" invented
  execute "$ranks" --quiet --resume none --metrics "$work/whole.json" "$work/whole"
  expect_success
  rm -r "$work/checkpoints"
  execute "$ranks" --quiet --steps 5 --metrics "$work/halves.json" "$work/whole"
  expect_success
  compile rest "$model" "$4" "$5" invented
  execute "$3" --metrics "$work/halves.json" "$work/rest"
  expect_success
  expect_line "$out" '^resumed from .*step-00000005 \(step 5\)'
  "$bin/compare-metrics" "$work/whole.json" "$work/halves.json" "$6" || fail "the runs differ"
}

case_resume_same_layout() {
  resume pair double 2 pair double 0
}

case_resume_other_layout() {
  resume pair double 3 apart double 1e-9
}

case_resume_on_one_rank() {
  resume pair double 1 one double 1e-9
}

# What two replicas saved, each a piece of the moments.
case_resume_pieces_same_layout() {
  resume replicas pieces 2 replicas pieces 0
}

case_resume_pieces_as_three() {
  resume replicas pieces 3 three_replicas pieces 1e-9
}

case_resume_pieces_in_tensor_parallel() {
  resume replicas pieces 2 pair pieces 1e-9
}

case_resume_pieces_on_one_rank() {
  resume replicas pieces 1 one pieces 1e-9
}

case_resume_pieces_everywhere() {
  resume replicas pieces 2 replicas everything 1e-9
}

case_resume_everything_in_pieces() {
  resume replicas everything 3 three_replicas pieces 1e-9
}

# Experts that one rank saved, on others.
case_resume_experts_in_parts() {
  local model=of_experts
  resume expert_replicas pieces 3 expert_parts pieces 1e-9
}

case_resume_experts_in_a_pipeline() {
  local model=of_experts ranks=3
  resume expert_parts pieces 4 expert_pipelines pieces 1e-9
}

case_resume_experts_with_context() {
  local model=of_experts
  resume expert_context double 1 one double 1e-9
  rm -r "$work/checkpoints"
  ranks=1 resume one double 2 expert_context double 1e-9
}

case_resume_experts_same_layout() {
  local model=of_experts ranks=4
  resume expert_pipelines half 4 expert_pipelines half 0
}

# Master weights of one layout in another, and of bf16 in float32. Sums of other parts are rounded
# otherwise, to 8 bits.
case_resume_bf16_same_layout() {
  resume replicas half 2 replicas half 0
}

case_resume_bf16_as_three() {
  resume replicas half 3 three_replicas half 5e-3
}

case_resume_bf16_everywhere() {
  resume replicas half 2 replicas half_everything 1e-9
}

case_resume_bf16_in_fp32() {
  resume replicas half 2 replicas single 5e-3
}

case_resume_fp32_in_bf16() {
  resume replicas single 2 replicas half 5e-3
}

case_resume_pipeline_same_layout() {
  resume pipeline double 2 pipeline double 0
}

case_resume_pipeline_on_one_rank() {
  resume pipeline double 1 one double 1e-9
}

case_resume_replicas_in_pipelines() {
  resume replicas double 4 pipelines double 1e-9
}

case_resume_context_on_one_rank() {
  resume context double 1 one double 1e-9
}

case_resume_context_stages() {
  ranks=9 resume context_stages double 2 context double 1e-9
}

# A table that two stages have copies of is one tensor of a checkpoint, moments and all.
case_resume_tied_pipeline() {
  local ranks=4 model=tied
  resume interleaved double 2 replicas double 1e-9
}

case_resume_tied_in_a_pipeline() {
  local model=tied
  resume replicas double 4 interleaved double 1e-9
}

# Checkpoints of steps 2 and 4.
save_twice() {
  compile plan tiny apart double invented
  execute 3 --quiet --steps 2 "$work/plan"
  expect_success
  execute 3 --quiet --steps 4 "$work/plan"
  expect_success
  newest=$work/checkpoints/step-00000004
  [ -s "$newest/manifest.json" ] || fail "no checkpoint of step 4"
}

case_resume_when_done() {
  save_twice
  execute 3 --steps 4 "$work/plan"
  expect_success
  expect_line "$out" '^nothing to do: 4 steps are done'
}

# The run goes on from the checkpoint before, and says why.
passed_over() { # pattern
  execute 3 "$work/plan"
  expect_status 0
  expect_message "warning: .*step-00000004.*$1"
  expect_line "$out" '^resumed from .*step-00000002 \(step 2\)'
  [ -s "$work/checkpoints/step-00000010/manifest.json" ] || fail "no checkpoint of step 10"
}

case_truncated_checkpoint() {
  save_twice
  truncate -s -1 "$newest/model.safetensors"
  passed_over 'bytes'
}

case_checkpoint_without_manifest() {
  save_twice
  rm "$newest/manifest.json"
  passed_over 'manifest.json'
}

# Sizes and manifest are right, one value is not: seen when the values are read. Asked for by name, it
# is an error; left to choose, the run goes on from the one before.
case_altered_checkpoint() {
  save_twice
  printf 'mimo' | dd of="$newest/model.safetensors" bs=1 conv=notrunc status=none \
    seek=$(($(stat -c %s "$newest/model.safetensors") - 8))
  execute 3 --quiet --resume "$newest" "$work/plan"
  expect_failure 9 '.*step-00000004/model.safetensors.*[a-z]+\.[a-z]'
  passed_over 'corrupt'
}

case_missing_checkpoint() {
  compile plan tiny apart double invented
  execute 3 --quiet --resume "$work/nowhere" "$work/plan"
  expect_failure 9 '.*nowhere'
}

case_checkpoint_of_another_model() {
  save_twice
  compile plan wider apart double invented
  execute 3 --quiet "$work/plan"
  expect_failure 9 '.*gate_proj.weight'
}
