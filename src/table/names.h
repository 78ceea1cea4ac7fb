/* SPDX-License-Identifier: MIT */
/* table/names.h - the words for the numbers in a table and a control page: in messages, JSON and pages. */
#ifndef MS_TABLE_NAMES_H
#define MS_TABLE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

/* Each returns "unknown" for a number that has no word. */
const char *ms_kind_name(uint32_t kind);                   /* enum memshed_kind */
const char *ms_agent_mode_name(uint32_t mode);             /* enum memshed_agent_mode */
const char *ms_agent_state_name(uint32_t state);           /* enum ms_agent_state */
const char *ms_level_name(uint32_t level);           /* enum ms_level */
const char *ms_answer_status_name(uint32_t status);        /* enum ms_answer_status */

/** ms_agent_takes_orders - false in a state (enum ms_agent_state) in which an order would stay where it is posted */
bool ms_agent_takes_orders(uint32_t state);

#endif
