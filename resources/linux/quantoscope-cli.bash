# bash completion for quantoscope-cli. Verbs and options come from the program's own --help, tensor
# names from its list.

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
    --dtype) COMPREPLY=($(compgen -W "int nf4 fp4 fp4_e2m1_bnb fp4_e2m1 fp4_e2m1_ocp mxfp4 nvfp4 fp8_e4m3fn fp8_e5m2" -- "$current")); return ;;
    --double-quant-dtype) COMPREPLY=($(compgen -W "int nf4 fp4 fp4_e2m1_bnb fp4_e2m1" -- "$current")); return ;;
    --scheme | --double-quant-scheme) COMPREPLY=($(compgen -W "asym sym" -- "$current")); return ;;
    --clip) COMPREPLY=($(compgen -W "none search search-rows search-groups optimal" -- "$current")); return ;;
    --granularity) COMPREPLY=($(compgen -W "tensor row group" -- "$current")); return ;;
    --orientation) COMPREPLY=($(compgen -W "auto rows columns second last-but-one" -- "$current")); return ;;
    --out | --plan) compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac

  if [[ $current == -* ]]; then
    local options
    options=$("$program" $verb --help 2>/dev/null | grep -oE -- '--[a-z0-9-]+')
    options+=" --threads --quiet --force --allow-external"
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
