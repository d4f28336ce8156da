# shellcheck shell=bash disable=SC2154
# Answers do not depend on the layout, and with a seed not on chance.

# More prompts than one micro-step holds; one without an image, one with two.
write_prompts() {
  cat >"$work/prompts.jsonl" <<'END'
{"id": "red", "prompt": "<image>\nWhat is this?", "image": "red.png"}
{"id": "none", "prompt": "Say hello."}
{"id": "two", "prompt": "<image>\n<image>\nCompare them.", "image": ["green.png", "noise.png"]}
{"id": "blue", "prompt": "<image>\nWhich colour?", "image": "blue.png"}
{"id": "again", "prompt": "<image>\nWhat is this?", "image": "red.png"}
END
}

training=double

generate() { # ranks deployment answers options...
  local ranks=$1 answers=$3
  cp "$reference/data.json" "$work/records.json"
  compile plan "${model:-pretrained}" "$2" "$training" records
  shift 3
  execute "$ranks" --generate --max-tokens 12 "$@" "$work/plan"
  expect_success
  cp "$out" "$work/$answers"
}

expect_same() { # answers answers
  cmp -s "$work/$1" "$work/$2" || {
    diff "$work/$1" "$work/$2" || true
    fail "the answers differ"
  }
}

case_generate_prompt() {
  generate 1 one one --prompt $'<image>\nWhat is this?' --image red.png
  [ -s "$work/one" ] || fail "no answer"
  generate 3 apart apart --prompt $'<image>\nWhat is this?' --image red.png
  expect_same one apart
  generate 2 pair pair --prompt $'<image>\nWhat is this?' --image red.png
  expect_same one pair
}

case_generate_prompts() {
  local record=0 id
  write_prompts
  generate 1 one one --prompts prompts.jsonl
  for id in red none two blue again; do
    expect_line "$work/one" "^\{\"record\":$record,\"id\":\"$id\",\"answer\":\".*\",\"tokens\":[0-9]+\}$"
    record=$((record + 1))
  done
  [ "$(wc -l <"$work/one")" -eq 5 ] || fail "one line a record expected"
  # The same question gets the same answer wherever it stands.
  [ "$(sed -n '1s/.*"answer"//p' "$work/one")" = "$(sed -n '5s/.*"answer"//p' "$work/one")" ] ||
    fail "two answers to one question"
  generate 3 apart apart --prompts prompts.jsonl
  expect_same one apart
}

case_generate_bf16() {
  training=half
  write_prompts
  generate 1 one one --prompts prompts.jsonl
  [ "$(wc -l <"$work/one")" -eq 5 ] || fail "one line a record expected"
  generate 3 apart apart --prompts prompts.jsonl
  expect_same one apart
}

# Tokens go round from the last stage to the first.
case_generate_in_a_pipeline() {
  write_prompts
  generate 1 one one --prompts prompts.jsonl
  generate 2 pipeline pipeline --prompts prompts.jsonl
  expect_same one pipeline
  generate 4 pipelines pipelines --prompts prompts.jsonl
  expect_same one pipelines
}

# Prompts are cut by position, and each rank of a group continues them alike.
case_generate_with_context() {
  write_prompts
  generate 1 one one --prompts prompts.jsonl --temperature 1
  generate 2 context context --prompts prompts.jsonl --temperature 1
  expect_same one context
  generate 9 context_stages stages --prompts prompts.jsonl --temperature 1
  expect_same one stages
}

case_generate_interleaved() {
  write_prompts
  generate 1 one one --prompts prompts.jsonl --temperature 1
  generate 4 interleaved interleaved --prompts prompts.jsonl --temperature 1
  expect_same one interleaved
  generate 1 chunks chunks --prompts prompts.jsonl --temperature 1
  expect_same one chunks
}

# Both copies of the table come from the one tensor of the folder.
case_generate_tied() {
  local model=tied
  write_prompts
  generate 1 one one --prompts prompts.jsonl
  generate 2 pipeline pipeline --prompts prompts.jsonl
  expect_same one pipeline
}

# Learned positions go on where the prompt ends.
case_generate_with_learned_positions() {
  local model=of_gpt
  write_prompts
  generate 1 one one --prompts prompts.jsonl --temperature 1
  generate 2 pair pair --prompts prompts.jsonl --temperature 1
  expect_same one pair
  generate 4 pipelines pipelines --prompts prompts.jsonl --temperature 1
  expect_same one pipelines
  generate 4 interleaved interleaved --prompts prompts.jsonl --temperature 1
  expect_same one interleaved
  generate 2 context context --prompts prompts.jsonl --temperature 1
  expect_same one context
}

# A replica whose answers have ended still runs experts of others.
case_generate_with_experts() {
  local model=of_experts
  write_prompts
  generate 1 one one --prompts prompts.jsonl --temperature 1
  generate 2 expert_replicas replicas --prompts prompts.jsonl --temperature 1
  expect_same one replicas
  generate 4 expert_pipelines pipelines --prompts prompts.jsonl --temperature 1
  expect_same one pipelines
  generate 2 expert_context context --prompts prompts.jsonl --temperature 1
  expect_same one context
}

case_generate_by_chance() {
  write_prompts
  generate 3 apart greedy --prompts prompts.jsonl
  generate 3 apart first --prompts prompts.jsonl --temperature 1 --top-p 0.9
  generate 3 apart second --prompts prompts.jsonl --temperature 1 --top-p 0.9
  expect_same first second
  ! cmp -s "$work/greedy" "$work/first" || fail "chance changes nothing"
  generate 1 one one --prompts prompts.jsonl --temperature 1 --top-p 0.9
  expect_same first one
}

# A model that has learned its records by heart answers with them, in any layout; and a prompt that holds
# the beginning of an answer gets the rest of it.
case_generate_what_was_learned() {
  cp "$reference/data.json" "$work/records.json"
  compile plan pretrained apart by_heart records
  execute 3 --quiet "$work/plan"
  expect_success
  cat >"$work/wanted" <<'END'
{"record":0,"id":"record-0","answer":"a red square","tokens":12}
{"record":1,"id":"record-1","answer":"noise, naïve","tokens":13}
{"record":2,"id":"record-2","answer":"hello there","tokens":11}
{"record":3,"id":"record-3","answer":"blue","tokens":4}
END
  execute 3 --generate --prompts records.json "$work/plan"
  expect_success
  cp "$out" "$work/apart"
  expect_same wanted apart
  compile plan pretrained pair by_heart records
  execute 2 --generate --prompts records.json "$work/plan"
  expect_success
  cp "$out" "$work/pair"
  expect_same wanted pair
  execute 2 --generate --prompt 'Say hello.hello th' "$work/plan"
  expect_success
  [ "$(cat "$out")" = ere ] || fail "the rest of the answer expected"
}

case_missing_prompts() {
  cp "$reference/data.json" "$work/records.json"
  compile plan tiny apart double records
  execute 3 --generate --prompts absent.jsonl "$work/plan"
  expect_failure 5 '.*absent.jsonl: No such file'
}

case_missing_image_of_prompt() {
  cp "$reference/data.json" "$work/records.json"
  compile plan tiny apart double records
  execute 3 --generate --prompt hello --image absent.png "$work/plan"
  expect_failure 5 '.*absent.png: No such file'
}
