#!/usr/bin/env bash
# What mimo-exec does when something goes wrong: run.sh BIN_DIR CASE [EMULATED_DIR]
# A case is a function case_CASE of one of the files beside this one. It works in a folder of its own and
# says with the helpers below what it expects; whatever runs longer than its limit is a hang, and fails.
set -euo pipefail
bin=$1 case=$2 emulated=${3:-}
here=$(cd "$(dirname "$0")" && pwd)
reference=$here/../reference/tiny_llava
work=$(mktemp -d)
out=$work/out err=$work/err
job=0 status=0
backend=cpu # of devices.sh another
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export MIMO_FAILURES_JOB=$work # marks the processes of this test

# -- ending ------------------------------------------------------------------------------------------------

fail() { # message
  echo "$case: $1; status $status, standard output and error:"
  cat "$out" "$err" 2>/dev/null || true
  exit 1
}

# The process of a rank of the running job, by what the launcher puts into its environment.
process_of() { # rank
  local environment
  for environment in /proc/[0-9]*/environ; do
    if grep -qzx "MIMO_FAILURES_JOB=$work" "$environment" 2>/dev/null &&
      grep -qzx "OMPI_COMM_WORLD_RANK=$1" "$environment" 2>/dev/null; then
      environment=${environment#/proc/}
      echo "${environment%/environ}"
      return
    fi
  done
}

kill_job() {
  local rank process
  for rank in 0 1 2; do
    process=$(process_of "$rank")
    [ -z "$process" ] || kill -KILL "$process" 2>/dev/null || true
  done
  [ "$job" -eq 0 ] || kill -KILL "$job" 2>/dev/null || true
}

finish() {
  kill_job
  rm -rf "$work"
}
trap finish EXIT

# -- running -----------------------------------------------------------------------------------------------

compile() { # plan model deployment training data
  "$bin/mimoc" "$here/failures.mimo" --model "$2" --deployment "$3" --training "$4" --data "$5" \
    -o "$work/$1" || fail "mimoc does not compile the case"
}

# Runs mimo-exec on some ranks in the background; `job` is the launcher's process.
start() { # ranks options...
  local ranks=$1
  shift
  mpirun --oversubscribe --bind-to none "${launcher_options[@]}" -n "$ranks" \
    "${program:-$bin/mimo-exec}" --root "$work" --backend "$backend" "$@" >"$out" 2>"$err" </dev/null &
  job=$!
}
# The launcher ends the other ranks as soon as one has failed.
launcher_options=(--mca odls_base_sigkill_timeout 0)

# Waits for the job's end, at most 40 seconds, and takes its exit status.
await_end() {
  local tick
  for ((tick = 0; tick < 400; tick++)); do
    kill -0 "$job" 2>/dev/null || break
    sleep 0.1
  done
  ! kill -0 "$job" 2>/dev/null || fail "it hangs"
  status=0
  wait "$job" || status=$?
  job=0
}

execute() { # ranks options...
  start "$@"
  await_end
}

# Waits until the running job has written metrics of a step.
await_step() { # step
  local tick
  for ((tick = 0; tick < 400; tick++)); do
    ! grep -q "^{\"step\":$1," "$work/metrics.json" 2>/dev/null || return 0
    kill -0 "$job" 2>/dev/null || break
    sleep 0.1
  done
  await_end
  fail "it does not come to step $1"
}

# -- expecting ---------------------------------------------------------------------------------------------

expect_status() { # status...
  local wanted
  for wanted in "$@"; do
    [ "$status" -ne "$wanted" ] || return 0
  done
  fail "status $* expected"
}

# One message, by one rank, that matches a pattern.
expect_message() { # pattern
  local count
  count=$(grep -c '^mimo-exec: ' "$err" || true)
  [ "$count" -eq 1 ] || fail "$count messages, not one"
  grep -Eq -e "^mimo-exec: $1" "$err" || fail "no message like \"$1\""
}

expect_failure() { # status pattern
  expect_status "$1"
  expect_message "$2"
}

expect_success() {
  expect_status 0
  ! grep -q '^mimo-exec: ' "$err" || fail "no message expected"
}

expect_line() { # file pattern
  grep -Eq -e "$2" "$1" || fail "no line like \"$2\" in $(basename "$1")"
}

# -- the cases ---------------------------------------------------------------------------------------------

ln -s "$reference" "$work/tiny_llava"
# shellcheck source=plans.sh
source "$here/plans.sh"
# shellcheck source=data.sh
source "$here/data.sh"
# shellcheck source=endings.sh
source "$here/endings.sh"
# shellcheck source=checkpoints.sh
source "$here/checkpoints.sh"
# shellcheck source=generation.sh
source "$here/generation.sh"
# shellcheck source=preflight.sh
source "$here/preflight.sh"
# shellcheck source=devices.sh
source "$here/devices.sh"
"case_$case"
echo "$case: as expected"
