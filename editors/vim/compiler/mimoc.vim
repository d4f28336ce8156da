" Vim compiler file
" Compiler: mimoc; :make checks the current file, and the quickfix list holds what mimoc says
if exists('current_compiler')
  finish
endif
let current_compiler = 'mimoc'

CompilerSet makeprg=mimoc\ lint\ --color\ never\ %:S
CompilerSet errorformat=%f:%l:%v:\ %trror:\ %m,%f:%l:%v:\ %tarning:\ %m,%f:%l:%v:\ %tote:\ %m,%+Ghelp:\ %m,%-G%.%#
