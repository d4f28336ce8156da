# offers.zsh FOLDER LINE: what zsh, with the completions of FOLDER, offers at the end of LINE, one a line.
# A shell on a terminal of its own writes what its completions add to a pipe, and END behind the last.
emulate -L zsh
zmodload zsh/zpty
pipe=$(mktemp -u)
mkfifo $pipe || exit 2
{
  zpty shell "zsh -f -i"
  zpty -w shell "PS1= RPS1= PIPE=$pipe; fpath=($1 \$fpath); autoload -Uz compinit; compinit -D -u"
  zpty -w shell 'compadd() {
    local -a hits
    if [[ " $* " != *" -"[OAD]" "* ]]; then
      builtin compadd -A hits "$@"
      print -rl -- $hits >&9
    fi
    builtin compadd "$@"
  }
  finish() { print END >&9 }
  comppostfuncs=(finish)
  exec 9>$PIPE
  LISTMAX=0
  bindkey "^I" complete-word'
  zpty -w -n shell "$2"$'\t'
  while read -r -t 60 line; do
    [[ $line == END ]] && break
    [[ -n $line ]] && print -r -- $line
  done <$pipe
} always {
  zpty -d shell
  rm -f $pipe
}
