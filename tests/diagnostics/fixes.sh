#!/usr/bin/env bash
# mimoc lint --fix: what it mends, what it leaves alone, and what it does to files.
#   fixes.sh MIMOC
set -euo pipefail
mimoc=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export NO_COLOR=1
failures=0

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# fix STATUS ARGUMENT...: runs mimoc lint --fix, its streams to stdout and stderr
fix() {
  local status=0 wanted=$1
  shift
  "$mimoc" lint --fix "$@" >stdout 2>stderr || status=$?
  [ "$status" = "$wanted" ] || fail "lint --fix $*: status $status, expected $wanted: $(cat stderr)"
}

says() { grep -qF -- "$1" stderr || fail "stderr lacks '$1': $(cat stderr)"; }
reads() { diff -u --label "$1, wanted" --label "$1" <(printf '%s' "$2") "$1" || fail "$1 is not as wanted"; }

# every kind of fix in one file, in the form that `mend.mimo` and `mend.fixed` here have
cp "$here/mend.mimo" .
fix 0 mend.mimo
diff -u "$here/mend.fixed" mend.mimo || fail "mend.mimo"
says "fixed 13 mistakes in mend.mimo"
"$mimoc" lint mend.mimo || fail "what is mended has mistakes"
fix 0 mend.mimo # nothing is left to do
[ ! -s stderr ] || fail "a second --fix says: $(cat stderr)"

# what is not certain stays, and is reported
printf 'mimo 1\nparam pod_a = 1\nparam b = pod_b\nclutser c { gpus_per_node = 8 }\n' >some.mimo
fix 1 some.mimo
reads some.mimo $'mimo 1\nparam pod_a = 1\nparam b = pod_b\ncluster c { gpus_per_node = 8 }\n'
says "fixed 1 mistake in some.mimo"
says "there is no param or attribute 'pod_b' here [E0204]"

# what is computed is no slip of writing
printf 'mimo 1\nparam b = "bf16"\ntraining { steps = 2.0 * 2  precision = b  global_batch = 8  sequence_length = 8 }\n' >computed.mimo
cp computed.mimo before
fix 1 computed.mimo
cmp computed.mimo before || fail "computed.mimo has changed: $(cat computed.mimo)"

# a misspelt name is not corrected to one that is given already
printf 'mimo 1\ndeployment d { world_size = 1  wrold_size = 2  mode = colocated }\n' >twice.mimo
cp twice.mimo before
fix 1 twice.mimo
cmp twice.mimo before || fail "twice.mimo has changed: $(cat twice.mimo)"
printf 'mimo 1\nparam a = 1\nparma a = 2\n' >keyword.mimo
cp keyword.mimo before
fix 1 keyword.mimo
cmp keyword.mimo before || fail "keyword.mimo has changed: $(cat keyword.mimo)"
# a fix that brings an error of its own is taken back: two clusters of one name
printf 'mimo 1\ncluster c { }\nclutser c { }\n' >again.mimo
cp again.mimo before
fix 1 again.mimo
cmp again.mimo before || fail "again.mimo has changed: $(cat again.mimo)"
# mistakes inside of a misspelt block come to light with the fix
printf 'mimo 1\nclutser c { gpus = 8  ranks = 9 }\n' >hidden.mimo
fix 1 hidden.mimo
reads hidden.mimo $'mimo 1\ncluster c { gpus = 8  ranks = 9 }\n'
says "cluster has no attribute 'ranks' [E0201]"

# permissions and links stay; an unchanged file is not written
printf 'param a = 1\n' >target.mimo
chmod 640 target.mimo
ln -s target.mimo link.mimo
fix 0 link.mimo
[ -L link.mimo ] || fail "the link was replaced"
[ "$(stat -c %a target.mimo)" = 640 ] || fail "the permissions are $(stat -c %a target.mimo)"
reads target.mimo $'mimo 1\nparam a = 1\n'
touch -d 2001-01-01 target.mimo
fix 0 target.mimo
[ "$(stat -c %Y target.mimo)" = "$(date -d 2001-01-01 +%s)" ] || fail "an unchanged file was written"

# imported files only where they are named
mkdir parts
printf 'mimo 1\nclutser c { }\n' >parts/part.mimo
printf 'mimo 1\nimport "parts/part.mimo"\n' >whole.mimo
fix 1 whole.mimo
reads parts/part.mimo $'mimo 1\nclutser c { }\n'
says "fix: write 'cluster'"
fix 1 whole.mimo parts/part.mimo
reads parts/part.mimo $'mimo 1\ncluster c { }\n'
says "fixed 1 mistake in parts/part.mimo"
grep -q "clutser" stderr && fail "whole.mimo was checked with the old part: $(cat stderr)"

# standard input goes to standard output, changed or not; relative imports work
printf 'param a = 1\n' | "$mimoc" lint --fix - >out 2>stderr || fail "--fix - fails: $(cat stderr)"
reads out $'mimo 1\nparam a = 1\n'
printf 'mimo 1\n' | "$mimoc" lint --fix - >out || fail "--fix - fails without mistakes"
reads out $'mimo 1\n'
fix 2 --format json - </dev/null
says "both write to standard output"

# the rest is reported in the format that was asked for
printf 'param a = 1 / 0\n' >rest.mimo
fix 1 --format json rest.mimo
grep -q '"errors": 1,' stdout && grep -q 'E0302' stdout || fail "JSON after --fix: $(cat stdout)"

# a comment is only known to be of no use where all combinations are checked
printf 'mimo 1\nparam n = 1\n# mimoc: allow W0601 -- perhaps\n' >part_run.mimo
fix 0 --set n=2 part_run.mimo
reads part_run.mimo $'mimo 1\nparam n = 1\n# mimoc: allow W0601 -- perhaps\n'

if [ "$(id -u)" != 0 ]; then
  printf 'param a = 1\n' >closed.mimo
  chmod 400 closed.mimo
  fix 2 closed.mimo
  says "cannot write closed.mimo"
fi
[ $failures = 0 ] && echo "fixes are as described"
[ $failures = 0 ]
