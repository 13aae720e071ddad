# Shared by app/run and tests/run: installing what is missing. Sourced, not run.

# packages SECTION...: the packages of these sections of packages.txt, one a line.
packages() {
  local section
  for section in "$@"; do
    sed -n "/^\[$section\]/,/^\[/{/^[a-z0-9]/p}" "$root/app/packages.txt"
  done
}

# missing_packages SECTION...: those that are not installed.
missing_packages() {
  local wanted installed
  wanted=$(packages "$@")
  # shellcheck disable=SC2086
  installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' $wanted 2>/dev/null |
    sed -n 's/^ii  *//p')
  comm -23 <(sort -u <<<"$wanted") <(sort -u <<<"$installed")
}

# install_missing MODE SECTION...: installs what is missing, or with MODE "no-install" names it and
# fails. Says what it does on stderr.
install_missing() {
  local mode=$1 missing sudo=()
  shift
  if ! command -v dpkg-query >/dev/null; then
    echo "$0: this is no Debian system; install by hand what app/packages.txt lists" >&2
    return 0
  fi
  missing=$(missing_packages "$@")
  [ -z "$missing" ] && return 0
  if [ "$mode" = no-install ]; then
    echo "$0: missing packages:" $missing >&2
    echo "$0: without --no-install they are installed by apt-get" >&2
    return 1
  fi
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  echo "$0: installing" $missing >&2
  "${sudo[@]}" apt-get update -q >&2 &&
    # shellcheck disable=SC2086
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -q -y --no-install-recommends $missing >&2
}

# build PRESET TARGET...: configures once, then builds; quiet unless something is wrong.
build() {
  local preset=$1 log
  shift
  log=$(mktemp)
  if ! { [ -f "$root/build/$preset/build.ninja" ] ||
    (cd "$root" && cmake --preset "$preset") >"$log" 2>&1; }; then
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
  (cd "$root" && NINJA_STATUS='[%f/%t] ' cmake --build "build/$preset" --target "$@") >&2
}
