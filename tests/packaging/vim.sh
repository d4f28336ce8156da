#!/usr/bin/env bash
# Vim: the file type is found, words have their colours, :make fills the quickfix list. vim.sh MIMOC
set -euo pipefail
source "$(dirname "$0")/common.sh"
mimoc=$(realpath "$1")
needs vim
vim --version | grep -q '+syntax' || { echo "SKIPPED: this vim has no syntax"; exit 77; }
cd "$work"
export PATH=${mimoc%/*}:$PATH HOME=$work TERM=dumb

cat >bad.mimo <<'END'
mimo 1
import "clusters.mimo"
param width = max(64, 128)
cluster mine : h200 { memory = 80GB }
training t {
  steps = 10  global_batch = 4  sequence_length = zero  pipeline_schedule = 1f1b
  optimizer adamw { lr = 1e-3 }
}
checkpoint { directory = "runs"  interval = 5  keep = 3 }
END
cat >check.vim <<'END'
filetype plugin on
syntax on
edit bad.mimo
let words = []
for word in ['mimo', 'import', 'width', 'max', '64', 'cluster mine', 'memory', '80GB', 'steps', '1f1b', 'adamw', '"runs"', 'keep']
  call cursor(1, 1)
  call search('\V' . word, 'cW')
  call add(words, word . '=' . synIDattr(synID(line('.'), col('.'), 1), 'name'))
endfor
silent make!
let places = map(filter(getqflist(), 'v:val.valid'), 'v:val.lnum . ":" . v:val.col . ":" . v:val.type . ":" . v:val.text')
call writefile([&filetype, &commentstring, join(words)] + places, 'result')
call writefile([matchstr('import "clusters.mimo"', &include)], 'included')
call writefile([v:errmsg], 'errors')
qall!
END
vim -N -u NONE -i NONE -es --cmd "set runtimepath^=$root/editors/vim" -S check.vim </dev/null >log 2>&1 || fail "vim: $(cat log)"
same "errors" "$(cat errors)" ""
same "type" "$(sed -n 1p result)" "mimo"
same "imports" "$(cat included)" "clusters.mimo"
same "comments" "$(sed -n 2p result)" "# %s"
same "colours" "$(sed -n 3p result)" "mimo=mimoStatement import=mimoStatement width= max=mimoFunction 64=mimoNumber \
cluster mine=mimoBlock memory=mimoAttribute 80GB=mimoNumber steps=mimoAttribute 1f1b=mimoValue adamw=mimoBase \"runs\"=mimoString \
keep=mimoAttribute"
same "quickfix" "$(sed -n 4p result | cut -d : -f 1-3)" "6:51:e"
finish
