#!/usr/bin/env bash
# An installed tree runs after it was moved, without the source tree, the build tree or any environment variable.
set -euo pipefail

build=$(dirname "$MILLESIME_BINARY")
rm -rf "$MILLESIME_TEST_FOLDER"
mkdir -p "$MILLESIME_TEST_FOLDER"
cmake --install "$build" --prefix "$MILLESIME_TEST_FOLDER/first" >"$MILLESIME_TEST_FOLDER/install.log"
mv "$MILLESIME_TEST_FOLDER/first" "$MILLESIME_TEST_FOLDER/moved"
cd "$MILLESIME_TEST_FOLDER/moved"

fail() {
  echo "$*" >&2
  exit 1
}

# Every library is the installed tree's or the distribution's.
env -i ldd bin/millesime >program.txt
env -i ldd lib/millesime/libmillesime_networks.so >ldd.txt
! grep libtorch program.txt || fail "the program loads LibTorch before it needs it"
grep -q 'libtorch.* => .*/lib/millesime/' ldd.txt || fail "the networks do not find lib/millesime"
cat program.txt >>ldd.txt
! grep 'not found' ldd.txt || fail "libraries are missing"
! grep -F "site-packages" ldd.txt || fail "libraries come from the Python environment, not from lib/millesime"
! readelf -d bin/millesime | grep -E 'R(UN)?PATH' | grep -qv "\[\$ORIGIN/../lib/millesime\]" || fail "RPATH names other folders"

# Completion lies where each shell looks, and is that of this program.
for place in bash:bash-completion/completions/millesime zsh:zsh/site-functions/_millesime fish:fish/vendor_completions.d/millesime.fish; do
  env -i bin/millesime completion "${place%%:*}" >completion.txt
  cmp completion.txt "share/${place#*:}" || fail "share/${place#*:} is not what millesime completion ${place%%:*} prints"
done
# shellcheck source=/dev/null
source share/bash-completion/completions/millesime
COMP_WORDS=(millesime nomen) COMP_CWORD=1
_millesime
[[ ${COMPREPLY[*]} == nomenclature ]] || fail "the installed completion does not complete"

# The program and its configs: a nomenclature by name comes from share/millesime.
env -i bin/millesime --version | grep -q '^millesime [0-9]' || fail "--version does not run"
env -i bin/millesime nomenclature show oso23 >shown.txt || fail "nomenclature show oso23 does not run"
mv share/millesime/configs/nomenclatures/oso23.toml .
if env -i bin/millesime nomenclature show oso23 >shown.txt 2>&1; then fail "oso23 was read from elsewhere than share/millesime"; fi
mv oso23.toml share/millesime/configs/nomenclatures

# Networks are loaded when one is needed; where they are missing, the message says so.
seq 40 | awk 'BEGIN {print "label,NDVI_20210105,NDVI_20210206"} {print 1 + $1 % 2 "," $1 % 2 "," $1 / 40}' >samples.csv
train=(env -i bin/millesime train --samples samples.csv --model mlp --epochs 1 --quiet -o model.safetensors)
"${train[@]}" >trained.txt 2>&1 || fail "training a network does not run: $(cat trained.txt)"
rm lib/millesime/libmillesime_networks.so
status=0
"${train[@]}" >trained.txt 2>&1 || status=$?
[[ $status == 2 ]] || fail "without the networks: status $status, $(cat trained.txt)"
grep -q 'libmillesime_networks.so, cannot be loaded' trained.txt || fail "without the networks: $(cat trained.txt)"

rm -rf "$MILLESIME_TEST_FOLDER"
