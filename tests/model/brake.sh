#!/bin/sh
# SPDX-License-Identifier: MIT
# brake.sh - marks, the process's own order, and threads that are held, in libmemshed.
set -eu
. "${srcdir:-.}/tests/model/lib.sh"
check_model brake
