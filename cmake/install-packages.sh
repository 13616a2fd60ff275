#!/bin/bash
# install-packages.sh SECTION...: install what is missing of these sections of debian-packages.txt.  As root, or with
# a sudo that asks nothing; otherwise the command to run is printed and the caller goes on: the libraries may come from
# elsewhere (modules, Spack), and if not, the configure step names what is missing.  Not on Debian: does nothing.
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
    echo "Not installed, and this is not root. If the next step misses something, run:" >&2
    echo "  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 0
  fi
  as_root=(sudo -n)
fi
echo "Installing: ${missing[*]}"
"${as_root[@]}" apt-get update -q
known=()
for package in "${missing[@]}"; do
  # A release may lack one (a pinned tool, say); apt-get would then install nothing at all.
  if [ -n "$(apt-cache policy "$package")" ]; then
    known+=("$package")
  else
    echo "Not in this release: $package" >&2
  fi
done
[ ${#known[@]} -gt 0 ] || exit 0
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${known[@]}"
