#!/usr/bin/env bash
# Style as a test: check.sh [format|includes|words|tidy] BUILD_DIR. Prints each violation; exits 1 with any.
set -euo pipefail
cd "$(dirname "$0")/../.."
what=$1 build=${2-}
sources() {
  find grammar compiler generate plan runtime examples tests bench -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh' -o \
    -name '*.cpp' | sort
}

# A folder and what its files may include from the project, folders and single files ("A B": both). Of a folder
# within it that has an entry of its own, that entry holds.
declare -A allowed=(
  [grammar]="grammar plan"
  [plan]="plan"
  [compiler/text]="compiler/text plan"
  [compiler/output]="compiler/output compiler/text plan"
  [compiler/diagnostic]="compiler/diagnostic compiler/output compiler/text grammar plan"
  [compiler/schema]="compiler/schema grammar plan"
  [compiler/syntax]="compiler/syntax compiler/schema compiler/diagnostic compiler/text plan"
  [compiler/declaration]="compiler/declaration compiler/syntax compiler/schema compiler/diagnostic compiler/text plan"
  [compiler/check]="compiler/check compiler/declaration compiler/diagnostic plan"
  [compiler/planner]="compiler/planner compiler/check compiler/declaration compiler/proof plan"
  [compiler/proof]="compiler/proof plan" # it shares nothing with the planner
  [compiler/show]="compiler/show compiler/output compiler/proof/timeline.h compiler/declaration/arithmetic.h plan"
  [compiler/fmt]="compiler/fmt compiler/syntax compiler/diagnostic compiler/text plan"
  [compiler/lsp]="compiler/lsp compiler/fmt compiler/planner compiler/declaration compiler/syntax compiler/diagnostic compiler/text plan"
  [compiler/command]="compiler plan"
  [generate]="generate compiler runtime/options.def plan" # it describes both programs, and links the compiler alone
  [runtime/world/nccl]="runtime/world runtime/backend/cuda plan"
  [runtime/backend/cuda]="runtime/backend runtime/world/nccl plan" # the module is both
  [runtime/world]="runtime/world runtime/bf16.h plan"
  [runtime/backend]="runtime/backend runtime/bf16.h plan"
  [runtime/tensor]="runtime/tensor runtime/backend plan"
  [runtime/model]="runtime/model runtime/bf16.h runtime/tensor runtime/backend runtime/world plan"
  [runtime/data]="runtime/data plan"
  [runtime/checkpoint]="runtime/checkpoint runtime/bf16.h runtime/backend runtime/world plan"
  [runtime/train]="runtime plan"
)

check_includes() {
  local folder file path target ok bad=0
  for folder in "${!allowed[@]}"; do
    while IFS=: read -r file _ path; do
      target=$(sed -n 's/.*"\(.*\)".*/\1/p' <<<"$path")
      [[ $target == */* ]] || continue
      [[ $file == "$folder"/*/* && -n ${allowed[${file%/*}]-} ]] && continue # it has an entry of its own
      ok=0
      for prefix in ${allowed[$folder]}; do [[ $target == "$prefix"/* || $target == "$prefix" ]] && ok=1; done
      [ $ok -eq 1 ] || { echo "$file: $folder/ must not include $target"; bad=1; }
    done < <(grep -rn --include='*.[ch]' --include='*.cu' --include='*.cuh' --include='*.def' '^#include "' "$folder" || true)
  done
  return $bad
}

check_words() {
  ! grep -rnIwE 'TO[D]O|FIX[M]E|X[X]X|HA[C]K' --include='*.[chlydef]' --include='*.cu' --include='*.cuh' --include='*.cpp' --include='*.md' --include='*.sh' . --exclude-dir='build*' --exclude-dir=style
}

check_format() {
  sources | xargs clang-format --dry-run -Werror
}

check_tidy() {
  find plan compiler generate runtime examples bench -name '*.c' | sort | xargs -P 2 -n 4 clang-tidy -p "$build" --quiet 2>/dev/null
}

"check_$what"
