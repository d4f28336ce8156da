# shellcheck shell=bash disable=SC2154
# The command line, the plan, and a world that does not match it.

# Mistakes on the command line are found before the ranks know of each other, so the first one needs the
# launcher's usual second to tell.
execute_wrongly() { # options...
  launcher_options=()
  execute 2 "$@"
}

compile_invented() { # deployment
  compile plan tiny "$1" double invented
}

case_help() {
  execute 2 --help
  expect_success
  expect_line "$out" '^usage: mpirun'
  expect_line "$out" '--metrics FILE'
  [ "$(grep -c '^usage' "$out")" -eq 1 ] || fail "every rank prints the help"
}

case_version() {
  execute 2 --version
  expect_success
  [ "$(grep -Ec '^mimo-exec [0-9]+\.[0-9]+\.[0-9]+$' "$out")" -eq 1 ] || fail "one version line expected"
}

case_unknown_option() {
  execute_wrongly --colour plan
  expect_failure 2 'unknown option "--colour"'
}

case_no_plan() {
  execute_wrongly --quiet
  expect_failure 2 'no plan is named'
}

case_prompt_without_generate() {
  execute_wrongly --prompt hello plan
  expect_failure 2 '.*--generate'
}

case_generate_without_prompt() {
  execute_wrongly --generate plan
  expect_failure 2 '--generate wants either --prompt TEXT or --prompts FILE'
}

case_bad_duration() {
  execute_wrongly --timeout 3 plan
  expect_failure 2 '--timeout wants a duration .*"3"'
}

case_missing_plan() {
  execute 2 "$work/nowhere"
  expect_failure 2 "cannot (open|read) $work/nowhere: No such file"
}

case_not_a_plan() {
  execute 2 "$here/failures.mimo"
  expect_failure 3 'not a plan'
}

case_empty_plan() {
  : >"$work/plan"
  execute 2 "$work/plan"
  expect_failure 3 'not a plan: the file is empty'
}

case_truncated_plan() {
  compile_invented pair
  truncate -s -1 "$work/plan"
  execute 2 "$work/plan"
  expect_failure 3 'truncated'
}

# One bit of the middle byte is the other way round.
case_altered_plan() {
  local size byte
  compile_invented pair
  size=$(stat -c %s "$work/plan")
  byte=$(od -An -tu1 -j $((size / 2)) -N 1 "$work/plan")
  # shellcheck disable=SC2059
  printf "\\$(printf %03o $((byte ^ 16)))" |
    dd of="$work/plan" bs=1 seek=$((size / 2)) conv=notrunc status=none
  execute 2 "$work/plan"
  expect_failure 3 'altered'
}

case_too_many_ranks() {
  compile_invented pair
  execute 3 "$work/plan"
  expect_failure 4 'the plan is for 2 ranks, but 3 were started: mpirun -n 2 mimo-exec '
}

case_too_few_ranks() {
  compile_invented pair
  execute 1 "$work/plan"
  expect_failure 4 'the plan is for 2 ranks, but 1 was started: mpirun -n 2 mimo-exec '
}

# Rank 1 finds another plan, for as many ranks, under the same name.
case_different_plans() {
  compile_invented pair
  mkdir "$work/other"
  compile other/plan tiny pair endless invented
  cat >"$work/wrapper" <<'END'
#!/usr/bin/env bash
[ "$OMPI_COMM_WORLD_RANK" -ne 1 ] || cd other
exec "$MIMO_EXEC" "$@"
END
  chmod +x "$work/wrapper"
  export MIMO_EXEC=$bin/mimo-exec
  cd "$work"
  program=$work/wrapper execute 2 plan
  expect_failure 4 'the plan of rank 1 differs from that of rank 0'
}

case_unwritable_metrics() {
  compile_invented pair
  execute 2 --metrics "$work/nowhere/metrics.json" "$work/plan"
  expect_failure 2 "cannot write $work/nowhere/metrics.json: No such file"
}
