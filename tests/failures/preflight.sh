# shellcheck shell=bash disable=SC2034,SC2154
# --preflight: groups and edges that are sound, and some that are not.

# The report has a line for each kind of group with more than one member, as the plan lists them, in its order, and one for
# the bridge.
expect_report() { # ranks
  local transfers
  "$bin/mimoc" show --groups "$work/plan" | awk -v ranks="$1" '
    BEGIN { print "all ranks 1 group of", ranks }
    /^  [a-z]+ [a-z_]+:/ {
      kind = $0; sub(/:.*/, "", kind); sub(/^ +/, "", kind)
      groups = gsub(/\[/, ""); members = (NF - 2) / groups
      if (members > 1) print kind, groups, (groups == 1 ? "group" : "groups"), "of", members
    }' >"$work/wanted"
  sed -n 's/ *· all-reduce of .*//p' "$out" | tr -s ' ' >"$work/reported"
  diff "$work/wanted" "$work/reported" || fail "the report is not that of the plan"
  transfers=$("$bin/mimoc" show --bridges "$work/plan" | grep -cE '^ +[0-9]+ +[0-9]+ +[0-9]+ to ')
  expect_line "$out" "^clip.*-llm.* +$transfers transfers?, there and back$"
  expect_line "$out" '^preflight passed$'
}

# Neither records nor weights are there to be read.
case_preflight_of_groups() {
  compile plan of_experts every_group single records
  rm "$work/tiny_llava"
  execute 8 --preflight "$work/plan"
  expect_success
  expect_report 8
  expect_line "$out" '^preflight of 8 ranks over mpi; '
}

case_preflight_of_stages() {
  compile plan tied interleaved double records
  execute 4 --preflight "$work/plan"
  expect_success
  expect_report 4
  expect_line "$out" '^llm embedding +2 groups of 2 '
  expect_line "$out" '^clip.0-clip.1 +2 transfers, there and back$'
  expect_line "$out" '^llm.2-llm.3 +2 transfers, there and back$'
}

case_preflight_is_quiet() {
  compile plan tiny pair double records
  execute 2 --preflight --quiet "$work/plan"
  expect_success
  [ ! -s "$out" ] || fail "no output expected"
}

case_preflight_of_too_few_ranks() {
  compile plan of_experts every_group single records
  execute 2 --preflight "$work/plan"
  expect_failure 4 'the plan is for 8 ranks, but 2 were started'
}

case_preflight_and_evaluation() {
  execute_wrongly --eval records.json --preflight plan
  expect_failure 2 '--eval, --generate and --preflight exclude each other'
}

# A transport with a fault: faulty_preflight.c.
execute_faulty() { # OPERATION
  compile plan tiny interleaved double invented
  mpirun --oversubscribe "${launcher_options[@]}" -n 4 "$bin/faulty_preflight" "$work/plan" "$1" >"$out" 2>"$err" &
  job=$!
  await_end
}

case_preflight_finds_faults() {
  execute_faulty each
  expect_success
}

# The ranks that wait are told apart from the one that does not come.
case_preflight_does_not_hang() {
  execute_faulty none
  expect_status 7
  expect_line "$err" '^mimo-exec: no progress for 5 s'
  expect_line "$err" 'preflight: clip tp'
  expect_line "$err" 'waits: all-gather of clip tp \[2, 3\]'
}
