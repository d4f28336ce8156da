autocmd BufNewFile,BufRead *.mimo setfiletype mimo
