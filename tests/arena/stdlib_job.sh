#!/bin/sh
# SPDX-License-Identifier: MIT
# Real job 1: the analysis of the Python standard library, under a third of what it takes by itself.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

has_python_adapter || skip "the adapter for Python was not built: no python3-dev"
case $size in
small) files=120 ;;
full) files=0 ;;
*) files=200 ;;
esac
reference_with_peak "$python" "$stdlib_analysis" --limit-files $files
outlives $((reference_peak / 3)) "$python" "$stdlib_analysis" --limit-files $files
done_testing
