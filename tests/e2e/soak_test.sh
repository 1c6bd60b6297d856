#!/usr/bin/env bash
# A few of the interruptions of scripts/soak, with a fixed seed.
set -euo pipefail
MILLESIME_SOAK_SEED=1 exec python3 -B "$MILLESIME_SOURCE/scripts/soak.py" "$MILLESIME_BINARY" "$MILLESIME_TEST_FOLDER" 4 6
