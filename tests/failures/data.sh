# shellcheck shell=bash disable=SC2154
# Data and weights that are missing, corrupt, or of another shape.

# Makes the training file from that of tests/reference, changed by a sed script.
write_records() { # script
  sed -e "$1" "$reference/data.json" >"$work/records.json"
}

# Images stand in the records by name relative to the media folder; this one is cut in half.
write_half_image() {
  rm "$work/tiny_llava"
  mkdir "$work/tiny_llava"
  cp "$reference"/*.png "$work/tiny_llava"
  head -c 300 "$reference/noise.png" >"$work/tiny_llava/noise.png"
}

train_records() { # model
  compile plan "$1" apart double records
  execute 3 --quiet "$work/plan"
}

case_missing_image() {
  write_records 's/"blue.png"/"absent.png"/'
  train_records tiny
  expect_failure 5 '.*records.json: record 3 \(line [0-9]+\): .*absent.png: No such file'
}

case_corrupt_image() {
  write_records ''
  write_half_image
  train_records tiny
  expect_failure 5 '.*records.json: record 1 \(line [0-9]+\): .*noise.png'
}

# One of the four records names a file that is not there, another one that is no image.
skipped_samples() { # ranks deployment
  write_records 's/"blue.png"/"absent.png"/'
  write_half_image
  compile plan tiny "$2" double skipping
  execute "$1" --metrics "$work/metrics.json" "$work/plan"
  expect_success
  expect_line "$out" 'step 2: 2 bad samples skipped \(4 so far\)'
  [ "$(grep -c '"samples":2,' "$work/metrics.json")" -eq 10 ] || fail "10 steps of 2 samples expected"
}

case_skipped_samples() {
  skipped_samples 3 apart
}

# Only the encoder's first stage reads images.
case_skipped_samples_in_pipelines() {
  skipped_samples 4 pipelines
}

# A sample without an image goes on alone.
case_skipped_all_but_text() {
  write_records 's/[a-z]*\.png/absent.png/'
  compile plan tiny apart double skipping
  execute 3 --quiet --metrics "$work/metrics.json" "$work/plan"
  expect_success
  [ "$(grep -c '"samples":1,' "$work/metrics.json")" -eq 10 ] || fail "10 steps of 1 sample expected"
}

case_bad_json() {
  write_records '7s/"/!/'
  train_records tiny
  expect_failure 5 '.*records.json: line 7: '
}

case_missing_records() {
  train_records tiny
  expect_failure 5 '.*records.json: No such file'
}

case_no_records() {
  echo '[]' >"$work/records.json"
  train_records tiny
  expect_failure 5 '.*records.json: no records'
}

case_small_vocabulary() {
  write_records ''
  train_records small_vocabulary
  expect_failure 5 'the tokenizer "bytes" has 259 entries, but the vocab_size of llm is 200'
}

case_missing_weights() {
  write_records ''
  train_records without_its_weights
  expect_failure 5 '.*nowhere'
}

case_weights_of_another_shape() {
  write_records ''
  train_records with_weights_of_another_shape
  expect_failure 5 '.*language_model.model.layers.0.mlp.gate_proj.weight.*\[48, 32\].*\[50, 32\]'
}

case_truncated_weights() {
  write_records ''
  rm "$work/tiny_llava"
  cp -r "$reference" "$work/tiny_llava"
  truncate -s -4 "$work/tiny_llava/model.safetensors"
  train_records pretrained
  expect_failure 5 '.*tiny_llava/model.safetensors'
}

case_missing_evaluation() {
  write_records ''
  compile plan tiny apart double records
  execute 3 --eval absent.json "$work/plan"
  expect_failure 5 '.*absent.json: No such file'
}

case_not_a_number() {
  compile plan tiny apart exploding invented
  execute 3 --quiet "$work/plan"
  expect_failure 6 'step [2-9]: the (loss|gradient of [a-z]+) is no longer a number'
}

# The loss that validation shows is that of --eval after as many steps, and training goes on as without.
validation() { # ranks deployment training
  local shown
  write_records ''
  compile plain tiny "$2" double records
  execute "$1" --quiet --metrics "$work/plain.json" --steps 5 "$work/plain"
  execute "$1" --eval records.json "$work/plain"
  expect_success
  shown=$(sed -n 's/^{"records":4,"loss":\([0-9.]*\),.*/\1/p' "$out")
  execute "$1" --quiet --resume none --metrics "$work/plain.json" "$work/plain"
  compile watched tiny "$2" "$3" validated
  execute "$1" --resume none --metrics "$work/watched.json" "$work/watched"
  expect_success
  expect_line "$out" "^step 5 · validation loss $(printf '%.4f' "$shown")\$"
  expect_line "$out" '^step 10 · validation loss'
  "$bin/compare-metrics" "$work/plain.json" "$work/watched.json" 0 || fail "watching changed the run"
}

case_validation() {
  validation 3 apart watched
}

# Stages on four ranks; and layers that are computed again in training, but not in validation.
case_validation_in_pipelines() {
  validation 4 pipelines watched
}

case_validation_recomputing() {
  validation 4 interleaved watched_recomputing
}

# On one rank and on several.
evaluate_beside_one() { # model ranks deployment
  write_records ''
  compile plan "$1" one double records
  execute 1 --eval records.json "$work/plan"
  expect_success
  cp "$out" "$work/one"
  compile plan "$1" "$3" double records
  execute "$2" --eval records.json "$work/plan"
  expect_success
  cp "$out" "$work/several"
  expect_near one several
}

# Each context-parallel rank adds up the losses of the targets that it has.
case_evaluate_with_context() {
  evaluate_beside_one pretrained 9 context_stages
}

case_evaluate_with_experts() {
  evaluate_beside_one of_experts 4 expert_pipelines
}

case_evaluate_with_experts_and_context() {
  evaluate_beside_one of_experts 2 expert_context
}

# Two and a half times four records are five steps of two.
case_epochs() {
  write_records ''
  compile plan tiny apart by_epochs records
  execute 3 --quiet --metrics "$work/metrics.json" "$work/plan"
  expect_success
  [ "$(grep -c '"step"' "$work/metrics.json")" -eq 5 ] || fail "5 steps expected"
}
