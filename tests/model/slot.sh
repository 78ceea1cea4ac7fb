#!/bin/sh
# SPDX-License-Identifier: MIT
# slot.sh - an order's slot in the control page.
set -eu
. "${srcdir:-.}/tests/model/lib.sh"
check_model slot
