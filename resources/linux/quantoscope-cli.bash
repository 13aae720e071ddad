# bash completion for quantoscope-cli. Verbs, options and their values come from the program's own
# --help, tensor names from its list.

# The names that a verb's help lists for an option, such as the number formats: all behind the last
# colon, separated by commas.
_quantoscope_cli_choices() {
  "$1" "$2" --help 2>/dev/null | awk -v option="$3" '
    NF == 0 { here = 0 }
    /^ *-/ { here = $1 == option; if (here) $1 = $2 = "" }
    here { text = text " " $0 }
    END { sub(/.*: /, "", text); gsub(/,/, "", text); print text }'
}

_quantoscope_cli() {
  local program=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  local verb="" file="" word i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      -*) ;;
      *) if [ -z "$verb" ]; then verb=$word; elif [ -z "$file" ]; then file=$word; fi ;;
    esac
  done

  case $previous in
    --dtype | --double-quant-dtype | --scheme | --double-quant-scheme | --clip | --granularity | --orientation)
      COMPREPLY=($(compgen -W "$(_quantoscope_cli_choices "$program" "$verb" "$previous")" -- "$current"))
      return ;;
    --out | --plan | --codebook) compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac

  if [[ $current == -* ]]; then
    local options
    options=$({ "$program" --help; "$program" $verb --help; } 2>/dev/null | grep -oE '^ *-[a-z0-9,-]*' |
      grep -oE -- '--[a-z0-9-]+' | sort -u)
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  elif [ -z "$verb" ]; then
    local verbs
    verbs=$("$program" --help 2>/dev/null | sed -n '/^Subcommands:/,$s/^  \([a-z]*\) .*/\1/p')
    COMPREPLY=($(compgen -W "$verbs" -- "$current"))
  elif [ -z "$file" ]; then
    compopt -o filenames
    COMPREPLY=($(compgen -f -- "$current"))
  else
    local names
    names=$("$program" list "$file" --quiet 2>/dev/null | awk 'NR > 1 {print $1}')
    COMPREPLY=($(compgen -W "$names" -- "$current"))
  fi
}

complete -F _quantoscope_cli quantoscope-cli
