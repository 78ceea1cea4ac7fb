#!/bin/sh
# SPDX-License-Identifier: MIT
# vm.sh [TEST...]: the tests of run.sh in one virtual machine (vm-run), with small sizes. Exits 77 with the reason
# where the machine has no qemu or no kernel for it.
#
# ARENA_BUILD   the build folder (where you stand)
set -u
tests=$(cd "$(dirname "$0")" && pwd)
ARENA_BUILD=$(cd "${ARENA_BUILD:-.}" && pwd)
ARENAS=here
# All is emulated: a test takes some twenty times as long.
ARENA_LIMIT_S=${ARENA_LIMIT_S:-1800} ARENA_PATIENCE=${ARENA_PATIENCE:-900}
export ARENA_BUILD ARENAS ARENA_LIMIT_S ARENA_PATIENCE
why=$("$tests/vm-run" -c 2>&1) || { echo "skip: $why"; exit 77; }
mkdir -p "$ARENA_BUILD/tests/arena/logs"
exec "$tests/vm-run" -m 1G -t 14400 -w "$ARENA_BUILD/tests/arena/logs" -- "$tests/run.sh" "$@"
