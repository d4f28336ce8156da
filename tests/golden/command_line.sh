#!/usr/bin/env bash
# mimoc's command line: exit statuses, which stream says what, what is written and what is not.
#   command_line.sh MIMOC
set -euo pipefail
mimoc=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cp "$here/example_ok.mimo" good.mimo
sed 's/num_layers          = 32/num_layers = zero/' good.mimo >bad.mimo
printf 'mimo 1\n# mimoc: allow W0601 -- nothing is idle\n' >warned.mimo
sed 's/^  world_size = gpus$/  world_size = gpus + 1  # mimoc: allow W0601 -- a spare/' \
  good.mimo >allowed.mimo
failures=0

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# expect STATUS STREAM TEXT ARGUMENT...: the status, and a text on stdout or stderr (empty: silence)
expect() {
  local status=0 wanted=$1 stream=$2 text=$3
  shift 3
  "$mimoc" "$@" >stdout 2>stderr </dev/null || status=$?
  [ "$status" = "$wanted" ] || fail "mimoc $*: status $status, expected $wanted: $(cat stderr)"
  if [ -z "$text" ]; then
    [ ! -s "$stream" ] || fail "mimoc $*: $stream is not empty: $(cat "$stream")"
  else
    grep -qF -- "$text" "$stream" || fail "mimoc $*: $stream lacks '$text': $(cat "$stream")"
  fi
}

# usage
expect 2 stderr "there is no FILE" lint
expect 2 stderr "say with -o PLAN" good.mimo
expect 2 stderr "choose one with --deployment NAME: pod, laptop" good.mimo -o plan
expect 2 stderr "there are: pod, laptop" good.mimo -o plan --deployment cluster
expect 2 stderr "unknown command 'frobnicate'" frobnicate good.mimo
expect 2 stderr "unknown option '--frobnicate'" lint --frobnicate good.mimo
expect 2 stderr "the formats of 'lint' are text, json" lint --format yaml good.mimo
expect 2 stderr "--color is auto" lint --color pink good.mimo
expect 2 stderr "--world-size takes" lint --world-size 0 good.mimo
expect 2 stderr "--world-size takes" lint --world-size 8x good.mimo
expect 2 stderr "--set takes NAME=VALUE" lint --set gpus good.mimo
expect 2 stderr "there is no param 'gpuz'" lint --set gpuz=1 good.mimo
expect 2 stderr "expected a value" lint --set gpus= good.mimo
grep -q "there is no param" stderr && fail "a --set that cannot be read is also called unknown"
expect 2 stderr "is an error, not a warning" lint -Wno-E0503 good.mimo
expect 2 stderr "there is no warning" lint -W nonsense good.mimo
expect 2 stderr "not an option of 'lint'" lint -o plan good.mimo
expect 2 stderr "not an option of 'show'" show --set a=1 plan
expect 2 stderr "'compile' takes FILE, not also" good.mimo ./bad.mimo -o plan
expect 2 stderr "--set needs NAME=VALUE" lint --set
expect 2 stderr "cannot read absent.mimo" lint absent.mimo
expect 2 stderr "both write to standard output" --format json --deployment pod good.mimo -o -
expect 0 stdout "--world-size" --help
expect 0 stdout "mimoc " --version
for word in $("$mimoc" --help | grep -o '^  -[-a-zA-Z]*'); do
  "$mimoc" lint "$word" </dev/null 2>&1 | grep -q "unknown option" && fail "--help lists $word"
done

# lint
expect 0 stderr "" lint good.mimo
expect 0 stdout "" lint good.mimo
expect 1 stderr "E0204" lint bad.mimo
expect 1 stdout "" lint bad.mimo
expect 1 stdout '"code": "E0204"' lint --format json bad.mimo
expect 1 stderr "" lint --format json bad.mimo
expect 1 stderr "bad.mimo" lint good.mimo bad.mimo
expect 2 stderr "E0204" lint absent.mimo bad.mimo
expect 0 stderr "W0101" lint warned.mimo
expect 1 stderr "W0101" lint -Werror warned.mimo
expect 0 stderr "" lint -Wno-W0101 -Werror warned.mimo
expect 0 stderr "" lint -Wno-W0101 -W W0101 -W no-W0101 warned.mimo
expect 0 stderr "" lint -Wno-all warned.mimo
expect 0 stderr "W0101" lint -Wno-all -WW0101 -WW0601 warned.mimo
expect 0 stderr "W0101" lint -Wno-W0101 -Wall warned.mimo
expect 1 stderr "1 warning (1 fatal by -Werror)" lint -Werror=W0101 warned.mimo
expect 1 stderr "W0101" lint -Wno-W0101 -Werror=W0101 warned.mimo
expect 0 stderr "W0101" lint -Werror -Wno-error=W0101 warned.mimo
expect 0 stderr "W0101" lint -Wno-error=W0101 -Werror warned.mimo
expect 0 stderr "W0101" lint -Werror -Wno-error warned.mimo
expect 0 stderr "W0101" lint -Werror=W0601 warned.mimo
expect 2 stderr "there is no warning 'W0000'; the warnings are W0101, " lint -Werror=W0000 warned.mimo
expect 2 stderr "there is no warning 'everything'" lint -Wno-everything warned.mimo
expect 0 stderr "" lint -Wno-W0601 warned.mimo # of what is off, nobody knows whether it was silenced
expect 0 stderr "" lint --deployment pod allowed.mimo
expect 0 stderr "" lint allowed.mimo
expect 1 stdout "::error file=bad.mimo,line=7," lint --format github bad.mimo
expect 1 stderr "" lint --format github bad.mimo
expect 1 stdout '"exitCode": 1' lint --format sarif bad.mimo
expect 2 stdout '"executionSuccessful": false' lint --format sarif absent.mimo bad.mimo
expect 1 stdout '::error file=bad.mimo,' --format github --deployment pod bad.mimo -o absent
expect 2 stderr "not an option of 'compile'" --fix good.mimo -o plan
expect 2 stderr "the formats of 'show' are text, json" show --format sarif plan
expect 0 stdout "E0503" explain
expect 1 stderr $'\033[1;31m' lint --color always bad.mimo
expect 1 stderr "bad.mimo:7:18: error: " lint --color never bad.mimo
expect 1 stderr "[E0303]" lint --set gpus=41 good.mimo
expect 1 stderr "--set gpus:1:1" lint --set 'gpus=1 / 0' good.mimo
"$mimoc" lint - <bad.mimo 2>stderr && fail "lint - has status 0"
grep -q "^<stdin>:7:18: error" stderr || fail "lint -: $(cat stderr)"

# compile
expect 0 stderr "" --deployment pod good.mimo -o plan
[ -s plan ] || fail "no plan was written"
cp plan first
expect 0 stdout "" --deployment=pod -oplan ./good.mimo
cmp plan first || fail "the same input gives another plan"
"$mimoc" --deployment pod good.mimo -o - >piped || fail "-o -"
cmp piped first || fail "-o - gives another plan"
"$mimoc" --deployment pod - -o plan <good.mimo || fail "compiling standard input"
cmp plan first || fail "standard input gives another plan"
expect 0 stderr "" --deployment pod --set gpus=72 --set gpus=40 good.mimo -o plan
cmp plan first || fail "the last --set wins"
expect 1 stderr "E0204" --deployment pod bad.mimo -o plan
cmp plan first || fail "a failed compile changed the plan"
expect 1 stderr "E0303" --deployment pod --set gpus=41 good.mimo -o absent
[ ! -e absent ] || fail "a failed compile wrote a plan"
expect 1 stderr "there is no model block [E0203]" warned.mimo -o absent
expect 2 stderr "absent/plan" --deployment pod good.mimo -o absent/plan
expect 0 stderr "" --deployment laptop --world-size 4 good.mimo -o plan
cp good.mimo kept.mimo
ln -s good.mimo linked.plan
printf 'mimo 1\nimport "good.mimo"\n' >above.mimo
expect 2 stderr "-o ./good.mimo would overwrite the declaration good.mimo" --deployment pod good.mimo -o ./good.mimo
expect 2 stderr "would overwrite" --deployment pod good.mimo -o linked.plan
expect 2 stderr "-o good.mimo would overwrite the declaration good.mimo" --deployment pod above.mimo -o good.mimo
cmp good.mimo kept.mimo || fail "a plan has replaced its declaration"
mkdir -p library
printf 'mimo 1\nparam shared = 32\n' >library/shared.mimo
sed 's/^param gpus.*/import "shared.mimo"/; s/= gpus/= 40/; s/(gpus/(40/; s/num_layers          = 32/num_layers = shared/' \
  good.mimo >importing.mimo
expect 1 stderr "E0205" lint importing.mimo
expect 0 stderr "" lint -I library importing.mimo
expect 0 stderr "" lint -I elsewhere -Ilibrary importing.mimo

# show
expect 0 stdout "llava" show first
expect 0 stdout '"format": 1' show --format json --all first
expect 1 stderr "good.mimo" show good.mimo
expect 2 stderr "absent" show absent
expect 2 stderr "the plan is for 40 ranks" show --rank 40 first
expect 0 stdout "llava" show --rank 39 first

if [ -e /dev/full ]; then
  status=0
  "$mimoc" --help >/dev/full 2>stderr || status=$?
  [ $status = 2 ] || fail "a full disk gives status $status"
fi
[ $failures = 0 ] && echo "the command line is as described"
[ $failures = 0 ]
