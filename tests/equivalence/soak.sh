#!/usr/bin/env bash
# Random declarations, each beside one rank: soak.sh BIN_DIR FIRST COUNT [MIMO_EXEC_OPTION...]
# Seeds FIRST ... FIRST + COUNT - 1 of mimo-random, two at a time; declaration.sh says what is run of each. Prints those that
# hang or differ, after every hundred where it stands, and at the end how many there were of each kind, what was refused and
# the worst difference. A soak that was broken off goes on at the seed that it printed last.
set -euo pipefail
bin=$1 first=$2 count=$3
shift 3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

seq "$first" $((first + count - 1)) | xargs -P 2 -I {} "$here/declaration.sh" "$bin" {} "$@" | tee "$work/verdicts" |
  awk '$2 ~ /hangs|differs/ { print "seed", $0; fflush() }
       NR % 100 == 0 { print "up to seed", $1, "or so:", NR, "declarations"; fflush() }'

awk -v wanted="$count" '
  { verdicts[$2]++ }
  $2 == "equal" && $3 + 0 > worst + 0 { worst = $3 }
  $2 == "refused" { sub(/^[0-9]+ refused /, ""); sub(/ of [a-z]+$/, ""); refused[$0]++ }
  END {
    for (reason in refused) print "refused", refused[reason] ":", reason
    printf "%d declarations: %d trained alike, worst difference %s; %d refused; %d differ; %d hang\n", NR,
      verdicts["equal"], worst ? worst : 0, verdicts["refused"], verdicts["differs"], verdicts["hangs"]
    exit NR != wanted || verdicts["differs"] + verdicts["hangs"] != 0
  }' "$work/verdicts"
