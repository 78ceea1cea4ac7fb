/* SPDX-License-Identifier: MIT */
/* cmd/terms.h - the words for the numbers in a table. The same words as in the library and in JSON. */
#ifndef MS_CMD_TERMS_H
#define MS_CMD_TERMS_H

#include <stdint.h>

/** ms_terms_kind, ms_terms_agent_mode, ms_terms_agent_state, ms_terms_level - "unknown" for others */
const char *ms_terms_kind(uint32_t kind);
const char *ms_terms_agent_mode(uint32_t mode);
const char *ms_terms_agent_state(uint32_t state);
const char *ms_terms_level(uint32_t level);

/** ms_terms_process_state - "running", "stopped", ... for the letter in /proc/PID/stat */
const char *ms_terms_process_state(char state);

#endif
