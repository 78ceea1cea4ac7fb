/* SPDX-License-Identifier: MIT */
/* cmd/activity.c - see activity.h. */
#include "cmd/activity.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/rows.h"
#include "table/names.h"
#include "util/clock.h"
#include "util/units.h"

bool ms_age_us(uint64_t stamp_ns, uint64_t now_ns, uint64_t *ret_us)
{
	if (stamp_ns == 0 || stamp_ns > now_ns)
		return false;
	*ret_us = (now_ns - stamp_ns) / MS_NS_PER_US;
	return true;
}

static const struct ms_row *find_row(const struct ms_row *rows, unsigned count, uint32_t row)
{
	for (unsigned i = 0; i < count; i++)
		if (rows[i].row == row)
			return &rows[i];
	return NULL;
}

/* " for 12s", or nothing when that is not known. */
static const char *since(const struct ms_activity *agent, char text[32])
{
	char duration[MS_UNITS_TEXT];

	text[0] = '\0';
	if (agent->since_known)
		snprintf(text, 32, " for %s", ms_units_format_duration(duration, agent->since_us));
	return text;
}

static void describe_state(struct ms_activity *agent, char *text, size_t size)
{
	char name[MS_ESCAPED_NAME], time[32];

	if (agent->process_state == 'T')
		snprintf(text, size, "target stopped (T)");
	else if (agent->process_state == 't')
		snprintf(text, size, "target stopped by a debugger (t)");
	else if (agent->state == MS_AGENT_ENTERING)
		snprintf(text, size, "waits for the host's lock%s", since(agent, time));
	else if (agent->state == MS_AGENT_RUNNING && agent->in_callback)
		snprintf(text, size, "in callback %s%s", ms_escape_name(name, agent->callback),
			 since(agent, time));
	else if (agent->state == MS_AGENT_NONE)
		snprintf(text, size, "not started");
	else if (agent->state == MS_AGENT_LAZY)
		snprintf(text, size, "starts when this forked child first uses a cache");
	else
		snprintf(text, size, "%s", ms_name_of_agent_state(agent->state));
}

static void append(struct ms_activity *agent, uint64_t number, const char *what)
{
	size_t length = strlen(agent->text);

	if (number > 0)
		snprintf(agent->text + length, sizeof(agent->text) - length, ", %" PRIu64 " %s", number, what);
}

void ms_activity_describe(const struct ms_table_info *info, const struct ms_row *rows, unsigned count,
			  char process_state, uint64_t now_ns, struct ms_activity *ret_activity)
{
	struct ms_activity agent = {
		.mode = info->agent_mode, .state = info->agent_state, .process_state = process_state};
	const struct ms_row *row = find_row(rows, count, info->current_row);

	agent.since_known = ms_age_us(info->current_since_ns, now_ns, &agent.since_us);
	if (agent.state == MS_AGENT_RUNNING && row && info->current_since_ns != 0) {
		agent.in_callback = true;
		snprintf(agent.callback, sizeof(agent.callback), "%s", ms_row_label(row));
	}
	for (unsigned i = 0; i < count; i++)
		agent.stuck += !!(rows[i].flags & MS_ROW_STUCK);
	describe_state(&agent, agent.text, sizeof(agent.text));
	append(&agent, agent.stuck, "stuck");
	append(&agent, info->braked_threads, "held back");
	*ret_activity = agent;
}
