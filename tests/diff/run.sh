#!/usr/bin/env bash
# mimoc diff: each *.expected is what it prints of base.mimo compiled with the options of the case of that
# name, against base.mimo as it is. Programs, communication and memory are left out there: what the scheduler
# and the cost model say is tested elsewhere.
#   run.sh MIMOC [--bless]
set -euo pipefail
mimoc=$(realpath "$1")
bless=${2-}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failures=0

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

compile() { # PLAN OPTION...
  local plan=$1
  shift
  "$mimoc" --model small --deployment shared --training short "$here/base.mimo" "$@" -o "$plan"
}

# without the topics that are not ours
settle() {
  sed -E 's/ \(mimoc [^)]*\)$//' |
    awk '/^[a-z]/ { ours = !/^(schedule|communication|memory of a rank|work of a step)$/ } ours || /^(---|\+\+\+)/'
}

check() { # NAME OPTION...
  local name=$1 status=0
  shift
  compile new.plan "$@"
  "$mimoc" diff old.plan new.plan >printed 2>stderr || status=$?
  [ $status = 1 ] || fail "$name: status $status: $(cat stderr)"
  settle <printed >settled
  if [ "$bless" = --bless ]; then
    cp settled "$here/$name.expected"
  else
    diff -u "$here/$name.expected" settled || fail "$name"
  fi
}

compile old.plan
check layout --set tp=4 --set dp=1
check ranks --set dp=4
check training --training long
check model --model renamed
check deployment --deployment apart

# what the topics that were left out say at all
compile new.plan --deployment apart
"$mimoc" diff old.plan new.plan >printed || true
grep -q '^- vit, llm (ranks: 4)$' printed || fail "the role of the colocated ranks is not gone"
grep -q '^+ llm (ranks: 4)$' printed || fail "there is no role of the language model's ranks"
grep -q '^memory of a rank$' printed || fail "nothing about memory"
compile new.plan --set batch=32
"$mimoc" diff old.plan new.plan >printed || true
grep -q '^  training.micro_steps: 2 → 4$' printed || fail "the micro-steps: $(cat printed)"
grep -q '^  vit, llm, instructions: ' printed || fail "the instructions: $(cat printed)"
grep -q '^  vit, llm, program: [0-9a-f]\{8\} → [0-9a-f]\{8\}$' printed || fail "the program: $(cat printed)"
grep -q '^  llm.forward_flop: ' printed || fail "the work: $(cat printed)"

# equal plans
compile new.plan
"$mimoc" diff old.plan new.plan >printed || fail "equal plans have status $?"
[ "$(cat printed)" = "the plans are identical" ] || fail "equal plans: $(cat printed)"

# the machine form
compile new.plan --set tp=4 --set dp=1
status=0
"$mimoc" diff --format json old.plan new.plan >printed || status=$?
[ $status = 1 ] || fail "--format json: status $status"
grep -qF '{"topic": "layouts", "subject": "llm", "field": "tensor_parallel", "old": 2, "new": 4}' printed ||
  fail "--format json: $(cat printed)"
grep -qF '"identical": false' printed || fail "--format json: $(cat printed)"
"$mimoc" diff --format json old.plan old.plan | grep -qF '"changes": []' || fail "equal plans in JSON"

# trouble
trouble() { # TEXT ARGUMENT...
  local status=0 text=$1
  shift
  "$mimoc" diff "$@" >printed 2>stderr || status=$?
  [ $status = 2 ] || fail "mimoc diff $*: status $status"
  grep -qF "$text" stderr || fail "mimoc diff $*: $(cat stderr)"
}
trouble "absent" old.plan absent
trouble "not a plan" old.plan "$here/base.mimo"
trouble "PLAN PLAN" old.plan
trouble "PLAN PLAN" old.plan old.plan old.plan

[ $failures = 0 ] && echo "diff is as described"
[ $failures = 0 ]
