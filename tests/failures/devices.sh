# shellcheck shell=bash disable=SC2034,SC2154
# --backend, on emulated devices: MIMO_EMULATED_DEVICES says how many there are. $emulated holds the program
# and its module in bin/, and modules that cannot be taken in other folders.

on_devices() { # number
  program=$emulated/bin/mimo-exec backend=cuda
  export MIMO_EMULATED_DEVICES=$1
}

# The program in a folder of its own, with the module of a folder of $emulated, or none.
with_module() { # [folder]
  mkdir "$work/program"
  cp "$emulated/bin/mimo-exec" "$work/program"
  [ $# -eq 0 ] || cp "$emulated/$1/libmimo_cuda.so" "$work/program"
  program=$work/program/mimo-exec backend=cuda
}

compile_apart() { # training
  compile plan tiny apart "$1" invented
}

# -- what there is -----------------------------------------------------------------------------------------

# By themselves ranks take the GPUs, if there are some, for what these can do.
case_devices_are_taken() {
  compile_apart single
  on_devices 3
  backend=auto
  execute 3 --quiet --steps 1 "$work/plan"
  expect_success
  on_devices 2 # with two for three ranks it shows that they are
  backend=auto
  execute 3 "$work/plan"
  expect_failure 4 '3 ranks on one machine, but 2 GPUs are visible there; --backend cpu needs none'
  compile_apart double
  execute 3 --quiet --steps 1 --resume none "$work/plan"
  expect_success
}

case_too_few_devices() {
  compile_apart single
  on_devices 1
  execute 3 "$work/plan"
  expect_failure 4 '3 ranks on one machine, but 1 GPU is visible there; --backend cpu needs none'
}

case_shared_devices() {
  compile_apart single
  on_devices 2
  NCCL_MULTI_RANK_GPU_ENABLE=1 execute 3 --quiet --steps 1 "$work/plan"
  expect_success
}

case_no_device() {
  compile_apart single
  on_devices 0
  execute 3 "$work/plan"
  expect_failure 4 'no GPU was found: no CUDA-capable device is detected'
  backend=auto
  execute 3 --quiet --steps 1 "$work/plan"
  expect_success
}

case_devices_on_some_ranks() {
  compile_apart single
  on_devices 8
  cat >"$work/wrapper" <<'END'
#!/usr/bin/env bash
[ "$OMPI_COMM_WORLD_RANK" -ne 1 ] || export MIMO_EMULATED_DEVICES=0
exec "$MIMO_EXEC" "$@"
END
  chmod +x "$work/wrapper"
  export MIMO_EXEC=$program
  program=$work/wrapper
  for backend in auto cuda; do
    execute 3 "$work/plan"
    expect_failure 4 '2 of 3 ranks have GPUs, but rank 1 has none \(--backend cpu needs none\): no GPU was found'
  done
}

case_no_fp64_on_devices() {
  compile_apart double
  on_devices 3
  execute 3 "$work/plan"
  expect_failure 4 '.*fp64 is computed on the CPU only'
}

# -- the module --------------------------------------------------------------------------------------------

case_no_module() {
  compile_apart single
  with_module
  execute 3 "$work/plan"
  expect_failure 4 "no cuda backend: $work/program/libmimo_cuda.so is not there; "
  expect_line "$err" "; $work/program/../lib/mimo/libmimo_cuda.so is not there; /.*/lib/mimo/libmimo_cuda.so is not there"
  backend=auto
  execute 3 --quiet --steps 1 "$work/plan"
  expect_success
}

case_module_of_another_version() {
  compile_apart single
  with_module of_another_version
  execute 3 "$work/plan"
  expect_failure 4 "no cuda backend: $work/program/libmimo_cuda.so is of version 0.0.9, not "
}

case_module_without_its_libraries() {
  compile_apart single
  with_module with_a_need
  execute 3 "$work/plan"
  expect_failure 4 "no cuda backend: $work/program/libmimo_cuda.so does not load: libmimo_needed.so: cannot open"
}

# It lies in ../lib/mimo where it is installed.
case_module_in_lib() {
  compile_apart single
  with_module
  mkdir -p "$work/lib/mimo"
  cp "$emulated/bin/libmimo_cuda.so" "$work/lib/mimo"
  execute 3 --quiet --steps 1 "$work/plan"
  expect_success
}

case_preflight_of_devices() {
  compile plan tied pipeline single records
  on_devices 2
  execute 2 --preflight "$work/plan"
  expect_success
  expect_report 2
  expect_line "$out" '^preflight of 2 ranks over nccl; '
}

# -- endings -----------------------------------------------------------------------------------------------

start_endless_on_devices() { # options...
  on_devices 3
  compile_apart endless_single
  start 3 --quiet --metrics "$work/metrics.json" "$@" "$work/plan"
  await_step 2
}

case_stopped_rank_of_devices() {
  local process
  start_endless_on_devices --timeout 5s
  process=$(process_of 1)
  kill -STOP "$process"
  await_end
  expect_status 7
  expect_line "$err" '^mimo-exec: no progress for 5 s'
  expect_line "$err" "^mimo-exec: rank 1 \(process $process\) is stopped"
  expect_line "$err" 'waits: '
  [ "$(grep -c 'no progress' "$err")" -eq 1 ] || fail "one report expected"
}

case_killed_rank_of_devices() {
  start_endless_on_devices
  kill -KILL "$(process_of 1)"
  await_end
  expect_status 137 8 # mpirun ends the job, or the watchdog does
}

# What was saved on devices goes on there, and on CPUs.
case_checkpoint_of_devices() {
  on_devices 3
  compile_apart single
  execute 3 --quiet --steps 2 "$work/plan"
  expect_success
  cp -r "$work/checkpoints" "$work/saved"
  execute 3 --steps 3 --metrics "$work/cuda" "$work/plan"
  expect_success
  expect_line "$out" '^resumed from .*step-00000002 \(step 2\)'
  rm -r "$work/checkpoints"
  mv "$work/saved" "$work/checkpoints"
  backend=cpu
  execute 3 --steps 3 --metrics "$work/cpu" "$work/plan"
  expect_success
  "$bin/compare-metrics" "$work/cuda" "$work/cpu" 1e-5 || fail "device and CPU differ"
}

# -- evaluation and generation -----------------------------------------------------------------------------

# The losses of two files of --eval agree to 1e-5, line by line.
expect_near() { # file file
  paste -d '\n' "$work/$1" "$work/$2" | sed 's/.*"loss":\([^,]*\),.*/\1/' | awk '
    NR % 2 { a = $1; next }
    { d = a < $1 ? $1 - a : a - $1; if (!(a > 0) || d > 1e-5 * a) { print a " and " $1; bad = 1 } }
    END { exit bad || NR < 4 || NR % 2 }' || fail "the losses differ"
}

case_evaluate_on_devices() {
  cp "$reference/data.json" "$work/records.json"
  on_devices 3
  compile plan pretrained apart single records
  execute 3 --eval records.json "$work/plan"
  expect_success
  cp "$out" "$work/cuda"
  backend=cpu
  execute 3 --eval records.json "$work/plan"
  expect_success
  cp "$out" "$work/cpu"
  expect_near cuda cpu
}

case_generate_on_devices() {
  cp "$reference/data.json" "$work/records.json"
  on_devices 3
  compile plan pretrained apart single records
  execute 3 --generate --prompts records.json --max-tokens 4 "$work/plan"
  expect_success
  cp "$out" "$work/cuda"
  backend=cpu
  execute 3 --generate --prompts records.json --max-tokens 4 "$work/plan"
  expect_success
  cmp -s "$out" "$work/cuda" || fail "the answers differ from those of devices: $(cat "$work/cuda")"
}
