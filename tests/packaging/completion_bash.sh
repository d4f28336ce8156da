#!/usr/bin/env bash
# The completions for bash, driven as the shell drives them: completion_bash.sh SHARE
set -euo pipefail
source "$(dirname "$0")/common.sh"
share=$(realpath "$1")
set +u # completions run in an interactive shell, which is not strict
source "$share/bash-completion/completions/mimoc"
source "$share/bash-completion/completions/mimo-exec"
cd "$work"
mkdir lib
touch model.mimo "a file.mimo" notes.txt out.plan

# complete WORD...: what is offered for the last word, a = standing alone as the shell splits it
offers() {
  COMP_WORDS=("$@")
  COMP_CWORD=$(($# - 1))
  COMPREPLY=()
  "_${1//-/_}"
  printf '%s\n' "${COMPREPLY[@]}" | LC_ALL=C sort | tr '\n' ',' | sed 's/,$//'
}

# has WANTED WORD..., lacks UNWANTED WORD...
has() {
  local wanted=$1
  shift
  count=$((count + 1))
  [[ ,$(offers "$@"), == *,"$wanted",* ]] || fail "'$*' does not offer '$wanted' but '$(offers "$@")'"
}
lacks() {
  local unwanted=$1
  shift
  count=$((count + 1))
  [[ ,$(offers "$@"), != *,"$unwanted",* ]] || fail "'$*' offers '$unwanted'"
}

same "a command" "$(offers mimoc lin)" "lint"
has lint mimoc ""
has model.mimo mimoc ""
lacks notes.txt mimoc ""
has "a file.mimo" mimoc lint ""
has lib mimoc lint ""
lacks notes.txt mimoc lint ""
lacks lint mimoc lint ""
has out.plan mimoc show ""
same "options" "$(offers mimoc lint --se)" "--set"
lacks --rank mimoc lint --r
has --rank mimoc show --r
lacks -o mimoc lint -
has -o mimoc -
same "words" "$(offers mimoc lint --color a)" "always,auto"
same "after =" "$(offers mimoc lint --color = a)" "always,auto"
same "nothing after =" "$(offers mimoc lint --color =)" "always,auto,never"
has json mimoc show --format ""
lacks sarif mimoc show --format ""
same "a free text" "$(offers mimoc lint --set "")" ""
same "folders" "$(offers mimoc lint -I l)" "lib"
same "-W attached" "$(offers mimoc lint -WW09)" "-WW0901"
same "-W apart" "$(offers mimoc lint -W no-W09)" "no-W0901"
lacks -WE0101 mimoc lint -WE
has model.mimo mimoc --set n=1 lint ""
has E0503 mimoc explain E05
has sarif mimoc lint --format s
has --schedule mimoc --format json show --s
has --format mimoc --set = n=1 lint --f
same "mimo-exec" "$(offers mimo-exec --res)" "--resume"
same "mimo-exec's words" "$(offers mimo-exec out.plan --resume n)" "none,notes.txt"
has out.plan mimo-exec ""
finish
