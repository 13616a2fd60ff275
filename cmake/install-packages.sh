#!/bin/bash
# install-packages.sh SECTION...: install what is missing of these sections of debian-packages.txt.  As root, or with
# a sudo that asks nothing; otherwise the command to run is printed.  Elsewhere than on Debian it does nothing: there
# the configure step names what is missing.
set -eu
list=$(dirname "$0")/debian-packages.txt
command -v dpkg-query >/dev/null || exit 0
missing=()
for section in "$@"; do
  for package in $(awk -v want="# [$section]" '/^# \[/ {inside = ($0 == want)} !/^#/ && inside' "$list"); do
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing+=("$package")
  done
done
[ ${#missing[@]} -gt 0 ] || exit 0
as_root=()
if [ "$(id -u)" != 0 ]; then
  if ! sudo -n true 2>/dev/null; then
    echo "Missing packages. Run, then try again:" >&2
    echo "  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo -n)
fi
echo "Installing: ${missing[*]}"
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
