#!/usr/bin/env bash
# The completions for zsh and fish: completion_shell.sh zsh|fish SHARE
set -euo pipefail
source "$(dirname "$0")/common.sh"
shell=$1 share=$(realpath "$2")
needs "$shell"
cd "$work"
touch model.mimo notes.txt
export HOME=$work XDG_CONFIG_HOME=$work/config XDG_DATA_HOME=$work/data

# has LINE WANTED, lacks LINE UNWANTED: a line of what `offers LINE` prints
has() {
  local given
  given=$(offers "$1")
  count=$((count + 1))
  grep -qxF -- "$2" <<<"$given" || fail "'$1' does not offer '$2' but '$given'"
}
lacks() {
  local given
  given=$(offers "$1")
  count=$((count + 1))
  ! grep -qxF -- "$2" <<<"$given" || fail "'$1' offers '$2'"
}

fish_offers() {
  fish --no-config -c "
    source $share/fish/vendor_completions.d/mimoc.fish
    source $share/fish/vendor_completions.d/mimo-exec.fish
    complete -C '$1'" | cut -f 1
}

# A zsh on a terminal of its own lists what it would offer.
zsh_offers() {
  zsh -f "$root/tests/packaging/offers.zsh" "$share/zsh/site-functions" "$1"
}

if [ "$shell" = zsh ]; then
  zsh -n "$share/zsh/site-functions/_mimoc" "$share/zsh/site-functions/_mimo-exec" || fail "syntax"
  offers() { zsh_offers "$1"; }
else
  fish --no-config -n "$share"/fish/vendor_completions.d/*.fish || fail "syntax"
  offers() { fish_offers "$1"; }
fi

has "mimoc l" lint
has "mimoc lint m" model.mimo
has "mimoc lint --se" --set
has "mimoc lint --color a" always
lacks "mimoc lint --r" --rank
has "mimoc show --r" --rank
has "mimoc --set a=1 show --format j" json
has "mimo-exec --resume no" none
finish
