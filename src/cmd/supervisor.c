/* SPDX-License-Identifier: MIT */
/* cmd/supervisor.c - see supervisor.h. */
#include "cmd/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sample/budget.h"
#include "sample/pids.h"
#include "util/cleanup.h"

enum { ANCESTORS = 64, CMDLINE_BYTES = 4096 };

/* The words of a command line, one after the other; NULL after the last. */
struct words {
	const char *next, *end;
};

static const char *next_word(struct words *words)
{
	const char *word = words->next;

	if (word >= words->end)
		return NULL;
	words->next = word + strnlen(word, (size_t)(words->end - word)) + 1;
	return word;
}

/* "--max 1G" and "--max=1G". Return: the value when @word is this option, else NULL. */
static const char *option_value(const char *word, const char *option, struct words *words)
{
	size_t length = strlen(option);

	if (strncmp(word, option, length) != 0)
		return NULL;
	if (word[length] == '=')
		return word + length + 1;
	return word[length] == '\0' ? next_word(words) : NULL;
}

static void take_word(const char *word, struct words *words, struct ms_supervisor *supervisor)
{
	const char *value;

	if ((value = option_value(word, "--max", words)))
		ms_units_parse_bytes(value, &supervisor->max_bytes);
	else if ((value = option_value(word, "--high", words)))
		ms_units_parse_mark(value, &supervisor->high);
	else if ((value = option_value(word, "--low", words)))
		ms_units_parse_mark(value, &supervisor->low);
	else
		option_value(word, "--journal", words);
}

int ms_supervisor_parse(const char *cmdline, size_t length, struct ms_supervisor *ret_supervisor)
{
	struct words words = {.next = cmdline, .end = cmdline + length};
	const char *program = next_word(&words), *verb = next_word(&words), *word;

	if (!program || !verb || strcmp(basename(program), "memshed") != 0 || strcmp(verb, "run") != 0)
		return -ENOENT;
	*ret_supervisor = (struct ms_supervisor){0};
	while ((word = next_word(&words)) && word[0] == '-' && strcmp(word, "--") != 0)
		take_word(word, &words, ret_supervisor);
	return 0;
}

static int read_ancestor(pid_t pid, struct ms_supervisor *ret_supervisor)
{
	char path[64], text[CMDLINE_BYTES];

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	int fd MS_CLEANUP_FD = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (length <= 0)
		return -ENOENT;
	text[length] = '\0';
	return ms_supervisor_parse(text, (size_t)length, ret_supervisor);
}

int ms_supervisor_find(pid_t pid, struct ms_supervisor *ret_supervisor)
{
	for (unsigned i = 0; i < ANCESTORS; i++) {
		struct ms_pid_facts facts, parent;

		if (ms_pids_facts(pid, &facts) < 0 || facts.ppid <= 0 ||
		    ms_pids_facts(facts.ppid, &parent) < 0)
			return -ENOENT;
		/* By name first: a stranger's command line is not worth faulting in. */
		if (strcmp(parent.comm, "memshed") == 0 && read_ancestor(parent.pid, ret_supervisor) == 0) {
			ret_supervisor->pid = parent.pid;
			ret_supervisor->child_pid = pid;
			return 0;
		}
		pid = parent.pid;
	}
	return -ENOENT;
}

void ms_supervisor_sample(const struct ms_root *root, pid_t pid, struct ms_supervisor *ret_supervisor,
			  struct ms_sample *ret_sample, struct ms_limit *limits, uint32_t capacity,
			  uint32_t *ret_limit_count)
{
	if (ms_supervisor_find(pid, ret_supervisor) < 0)
		*ret_supervisor = (struct ms_supervisor){.child_pid = pid};
	if (ms_sample_once(root, ret_supervisor->child_pid, ret_supervisor->max_bytes, ret_sample, limits,
			   capacity, ret_limit_count) < 0)
		*ret_sample = (struct ms_sample){.limit.source = MS_LIMIT_NONE};
}
