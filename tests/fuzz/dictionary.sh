#!/usr/bin/env bash
# Writes mimo.dict, the words that libFuzzer puts into declarations, from the tables of the language.
#   dictionary.sh [--check]    with --check only compares
set -euo pipefail
cd "$(dirname "$0")"

words() {
  sed -nE 's/^MIMO_BLOCK\((\w+).*/\1/p; s/^MIMO_ATTRIBUTE\(\w+, "[^"]*", (\w+).*/\1/p' ../../grammar/schema.def
  sed -nE 's/^MIMO_BLOCK\(\w+, "[^"]*", \w+, "([^"]*)".*/\1/p' ../../grammar/schema.def | tr ' ' '\n'
  for set in $(grep -oE 'MIMO_[A-Z0-9_]+, "' ../../grammar/types.def | tr -d ', "'); do
    sed -n "/^#define $set(X)/,/[^\\\\]\$/p" ../../plan/format.h ../../compiler/schema/schema.h
  done | grep -oE '"\w+"' | tr -d '"'
  printf '%s\n' mimo import param assert true false auto none all min max ceil_div allow 1GB 1TFLOPS 1GBps 1ms
}

dictionary() {
  echo "# Written by dictionary.sh."
  words | grep . | LC_ALL=C sort -u | sed 's/.*/"&"/'
  printf '"%s"\n' '{ }' ' = ' ' : ' '[1, 2]' '(' ')' '&&' '||' ' ? ' '==' '!=' '<=' '>=' '\"\"' '# mimoc: allow ' \
    2147483647 9223372036854775807 -1 0x10 1e9 4_096
}

if [ "${1-}" = --check ]; then
  diff -u mimo.dict <(dictionary) || { echo "run tests/fuzz/dictionary.sh"; exit 1; }
else
  dictionary >mimo.dict
fi
