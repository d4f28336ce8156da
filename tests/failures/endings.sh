# shellcheck shell=bash disable=SC2154
# Ranks that are lost or stand still, and signals.

start_endless() { # options...
  compile plan tiny apart endless invented
  start 3 --quiet --metrics "$work/metrics.json" "$@" "$work/plan"
  await_step 3
}

killed() { # rank
  start_endless
  kill -KILL "$(process_of "$1")"
  await_end
  expect_status 137 8 # mpirun ends the job, or the watchdog does
}

case_killed_first_rank() {
  killed 0
}

case_killed_last_rank() {
  killed 2
}

# The table names the rank that stands still, and what the others wait for.
case_stopped_rank() {
  local process
  start_endless --timeout 3s
  process=$(process_of 1)
  kill -STOP "$process"
  await_end
  expect_status 7
  expect_line "$err" '^mimo-exec: no progress for 3 s'
  expect_line "$err" "^mimo-exec: rank 1 \(process $process\) is stopped"
  expect_line "$err" 'waits: '
  [ "$(grep -c 'no progress' "$err")" -eq 1 ] || fail "one report expected"
}

# After a signal there is a checkpoint of the last step, from which the next run goes on.
expect_saved() {
  local step saved
  step=$(tail -n 1 "$work/metrics.json" | sed 's/^{"step":\([0-9]*\),.*/\1/')
  saved=$work/checkpoints/$(printf 'step-%08d' "$step")
  [ -s "$saved/manifest.json" ] || fail "no checkpoint of step $step, the last one"
  execute 3 --metrics "$work/metrics.json" --steps $((step + 2)) "$work/plan"
  expect_success
  expect_line "$out" "^resumed from .*$(basename "$saved") \(step $step\)"
  [ "$(wc -l <"$work/metrics.json")" -eq $((step + 2)) ] || fail "metrics of $((step + 2)) steps expected"
  expect_line "$work/metrics.json" "^{\"step\":$((step + 2)),"
}

# The launcher passes it on to all ranks.
case_signal_usr1() {
  start_endless
  kill -USR1 "$job"
  await_end
  expect_success
  expect_saved
}

# One rank is enough: all agree to stop.
case_signal_to_one_rank() {
  start_endless
  kill -TERM "$(process_of 1)"
  await_end
  expect_success
  expect_saved
}

# Open MPI waits for its grace before it sends SIGTERM on, and once more before SIGKILL. All that time it
# reads nothing of what the ranks print, and its own status is 1 whatever theirs are.
case_signal_to_launcher() {
  launcher_options=(--mca odls_base_sigkill_timeout 2)
  compile plan tiny apart endless invented
  start 3 --metrics "$work/metrics.json" "$work/plan"
  await_step 3
  kill -TERM "$job"
  await_end
  expect_status 0 1
  expect_saved
}

# What the launcher's grace must be is printed at the start.
case_announced_grace() {
  compile plan tiny apart double invented
  execute 3 "$work/plan"
  expect_success
  expect_line "$out" 'SIGUSR1 or SIGTERM saves a checkpoint and stops; .* [0-9]+\.[0-9] s'
}
