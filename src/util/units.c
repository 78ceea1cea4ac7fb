/* SPDX-License-Identifier: MIT */
#include "util/units.h"
