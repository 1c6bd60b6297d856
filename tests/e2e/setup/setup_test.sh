#!/usr/bin/env bash
# scripts/setup without the right to install: it names the missing packages, and only these, and ends with 2. Replacements of the
# system's programs come first in PATH; nothing is installed.
set -euo pipefail

rm -rf "$MILLESIME_TEST_FOLDER"
stand_ins=$MILLESIME_TEST_FOLDER/bin
venv=$MILLESIME_TEST_FOLDER/venv
mkdir -p "$stand_ins" "$venv/bin"
ln -s "$(type -P true)" "$venv/bin/python"
export MILLESIME_VENV=$venv

stand_in() {
  printf '#!/bin/sh\n%s\n' "$2" >"$stand_ins/$1"
  chmod +x "$stand_ins/$1"
}
fail() {
  echo "$*" >&2
  exit 1
}
# setup WANTED_CODE: runs scripts/setup with the replacements; its output goes to words.txt.
setup() {
  local code=0
  PATH=$stand_ins:$PATH "$MILLESIME_SOURCE/scripts/setup" >"$MILLESIME_TEST_FOLDER/words.txt" 2>&1 || code=$?
  [ "$code" = "$1" ] || fail "expected exit code $1, got $code: $(cat "$MILLESIME_TEST_FOLDER/words.txt")"
}
says() { grep -qF -- "$1" "$MILLESIME_TEST_FOLDER/words.txt" || fail "expected the words \"$1\", got: $(cat "$MILLESIME_TEST_FOLDER/words.txt")"; }

stand_in apt-get 'echo "apt-get $*"; exit 100'
stand_in id 'echo 1000'
stand_in sudo 'exit 1'

# Everything is installed: no output, nothing to do. dpkg-query pads the three letters of a state with a blank.
# shellcheck disable=SC2016  # for the stand-in to expand
stand_in dpkg-query 'shift 3; for package in "$@"; do echo "ii  $package"; done'
setup 0
[ ! -s "$MILLESIME_TEST_FOLDER/words.txt" ] || fail "setup printed messages: $(cat "$MILLESIME_TEST_FOLDER/words.txt")"

# Two packages are missing, one was removed and left its settings behind.
# shellcheck disable=SC2016
stand_in dpkg-query 'shift 3
for package in "$@"; do case $package in cmake) ;; gdal-bin) echo "rc  gdal-bin" ;; *) echo "ii  $package" ;; esac; done; exit 1'
setup 2
says "only root can install them"
says "apt-get install --no-install-recommends cmake gdal-bin"
! grep -q libgdal "$MILLESIME_TEST_FOLDER/words.txt" || fail "a package that is there is called missing"

# Neither Debian nor Ubuntu.
mkdir "$MILLESIME_TEST_FOLDER/elsewhere"
for program in bash basename cat comm dirname env nproc printf python3 realpath sed sha256sum sort xargs echo git; do
  ln -s "$(type -P "$program")" "$MILLESIME_TEST_FOLDER/elsewhere/"
done
code=0
PATH=$MILLESIME_TEST_FOLDER/elsewhere "$MILLESIME_SOURCE/scripts/setup" >"$MILLESIME_TEST_FOLDER/words.txt" 2>&1 || code=$?
[ "$code" = 2 ] || fail "expected exit code 2 on another distribution, got $code"
says "neither Debian nor Ubuntu"
says "MILLESIME_NO_PACKAGES=1"
PATH=$MILLESIME_TEST_FOLDER/elsewhere MILLESIME_NO_PACKAGES=1 "$MILLESIME_SOURCE/scripts/setup" || fail "MILLESIME_NO_PACKAGES=1 does not skip the packages"
