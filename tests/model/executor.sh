#!/bin/sh
# SPDX-License-Identifier: MIT
# executor.sh - a cache's state, in libmemshed.
set -eu
. "${srcdir:-.}/tests/model/lib.sh"
# -E: that a callback takes for ever, and others wait for it, is no fault.
check_model executor -E
