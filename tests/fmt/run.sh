#!/usr/bin/env bash
# mimoc fmt: what it makes of the files here, how it writes files, and that the project's own are in order.
#   run.sh MIMOC
#   run.sh MIMOC --bless NAME...    rewrites the expectations of these files, and of no others
set -euo pipefail
mimoc=$(realpath "$1")
shift
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
if [ "${1:-}" = --bless ]; then
  shift
  for name in "$@"; do "$mimoc" fmt - <"$here/${name%.mimo}.mimo" >"$here/${name%.mimo}.expected"; done
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failures=0

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# expect STATUS ARGUMENT...: what mimoc fmt prints goes to stdout and stderr
expect() {
  local status=0 wanted=$1
  shift
  "$mimoc" fmt "$@" >stdout 2>stderr </dev/null || status=$?
  [ "$status" = "$wanted" ] || fail "mimoc fmt $*: status $status, expected $wanted: $(cat stderr)"
}

for file in "$here"/*.mimo; do
  expected=${file%.mimo}.expected
  "$mimoc" fmt - <"$file" >formatted || fail "$file"
  diff -u "$expected" formatted || fail "$file is formatted otherwise"
  "$mimoc" fmt --check - <"$expected" || fail "$expected would change again"
done

# files: only those that change are written; permissions and links stay
cp "$here/blocks.mimo" loose.mimo
cp "$here/blocks.expected" tidy.mimo
chmod 640 loose.mimo
ln -s loose.mimo link.mimo
touch -d 2001-01-01 tidy.mimo
expect 0 link.mimo tidy.mimo
[ ! -s stdout ] || fail "fmt prints $(cat stdout)"
cmp -s loose.mimo tidy.mimo || fail "loose.mimo is not formatted"
[ -L link.mimo ] || fail "the link was replaced"
[ "$(stat -c %a loose.mimo)" = 640 ] || fail "the permissions are $(stat -c %a loose.mimo)"
[ "$(date -r tidy.mimo +%Y)" = 2001 ] || fail "tidy.mimo was written"

# --check writes nothing; what it prints is a patch
cp "$here/long.mimo" loose.mimo
expect 1 --check tidy.mimo loose.mimo
cmp -s "$here/long.mimo" loose.mimo || fail "--check changed the file"
cp stdout printed
diff -u --label loose.mimo --label "loose.mimo (formatted)" loose.mimo "$here/long.expected" >wanted || true
cmp printed wanted || fail "--check does not print what diff -u prints"
expect 0 --check tidy.mimo
[ ! -s stdout ] || fail "--check prints $(cat stdout)"
printf 'mimo 1\nparam a=1' | "$mimoc" fmt --check - >stdout && fail "--check - has status 0"
grep -q '^-param a=1$' stdout && grep -q '^\\ No newline' stdout || fail "--check -: $(cat stdout)"

# broken files stay as they are, and the others are formatted all the same
printf 'mimo 1\nmodel x {\n' >broken.mimo
cp broken.mimo before
expect 1 broken.mimo loose.mimo
cmp -s broken.mimo before || fail "a broken file was changed"
cmp -s loose.mimo "$here/long.expected" || fail "the file behind a broken one was not formatted"
grep -q '^broken.mimo:2:9: error: .*E0104' stderr || fail "a broken file gives $(cat stderr)"
"$mimoc" fmt - <broken.mimo >stdout 2>stderr && fail "a broken standard input has status 0"
[ ! -s stdout ] || fail "a broken standard input gives $(cat stdout)"
expect 2 absent.mimo
expect 2
expect 2 --format json loose.mimo

"$mimoc" fmt --check "$root"/examples/*.mimo "$root"/bench/*.mimo "$root"/tests/equivalence/*.mimo \
  "$root"/tests/failures/*.mimo "$root"/tests/diff/*.mimo "$root"/presets/*.mimo || fail "run mimoc fmt over these files"

[ $failures = 0 ] && echo "fmt is as described"
[ $failures = 0 ]
