# Sourced by the other scripts of this folder: paths, messages, building.
# shellcheck shell=bash

source_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export source_folder

# The Python environment of a flavour: the one of the environment variable, or the one in the build tree.
venv_of() {
  case $1 in
    cpu) echo "${MILLESIME_VENV:-$source_folder/build/venv-cpu}" ;;
    cuda) echo "${MILLESIME_VENV_CUDA:-$source_folder/build/venv-cuda}" ;;
    bench) echo "$source_folder/build/venv-bench" ;;
  esac
}

say() { printf '\n== %s\n' "$*"; }

# Ends the script with a message: the problem, and what to do. Exit 2: the machine or the command line is wrong, not the code.
refuse() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 2
}

# The comment at the head of a script is its help.
print_help() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"; }

# configure_and_build PRESET [target...]
configure_and_build() {
  local preset=$1
  shift
  local folder=$source_folder/build/$preset
  # Configure once: afterwards the build itself detects changed CMake files, and a second run starts at once.
  if [ ! -f "$folder/build.ninja" ]; then
    (cd "$source_folder" && cmake --preset "$preset")
  fi
  cmake --build "$folder" ${1:+--target "$@"}
}
