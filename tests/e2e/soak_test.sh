#!/usr/bin/env bash
# A few of the interruptions of scripts/soak, with a fixed seed.
set -euo pipefail
failing_writes=()
library=$(dirname "$MILLESIME_BINARY")/tests/support/libmillesime_full_disk.so
if [ -f "$library" ]; then failing_writes=(8 "$library"); fi
MILLESIME_SOAK_SEED=1 exec python3 -B "$MILLESIME_SOURCE/scripts/soak.py" "$MILLESIME_BINARY" "$MILLESIME_TEST_FOLDER" 4 6 "${failing_writes[@]}"
