" Vim filetype plugin
" Language: mimo, declarations of multimodal parallel training
if exists('b:did_ftplugin')
  finish
endif
let b:did_ftplugin = 1

setlocal comments=:# commentstring=#\ %s
setlocal formatoptions-=t formatoptions+=croql
setlocal expandtab shiftwidth=2 softtabstop=2
setlocal suffixesadd=.mimo
let &l:include = '^\s*import\s*"\zs[^"]*' " a quote would begin a comment in :setlocal
if executable('mimoc')
  compiler mimoc
endif

let b:undo_ftplugin = 'setlocal comments< commentstring< formatoptions< expandtab< shiftwidth< softtabstop<'
      \ . ' suffixesadd< include< makeprg< errorformat<'
