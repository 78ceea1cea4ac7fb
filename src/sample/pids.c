/* SPDX-License-Identifier: MIT */
/* sample/pids.c - see pids.h. */
#include "sample/pids.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libproc2/pids.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"

/* The order of the items is the index of their results: one list for both. */
#define ITEMS(X) \
	X(PID, PIDS_ID_PID) \
	X(PPID, PIDS_ID_PPID) \
	X(UID, PIDS_ID_EUID) \
	X(STATE, PIDS_STATE) \
	X(THREADS, PIDS_NLWP) \
	X(START, PIDS_TICS_BEGAN) \
	X(RSS, PIDS_MEM_RES) \
	X(SWAP, PIDS_VM_SWAP) \
	X(COMM, PIDS_CMD)

#define INDEX(name, item) NTH_##name,
#define ITEM(name, item) item,
enum { ITEMS(INDEX) NTH_COUNT };
static const enum pids_item WANTED[NTH_COUNT] = {ITEMS(ITEM)};

enum { TASK_COMM_LEN = 16 };

static int start(struct pids_info **ret_info)
{
	enum pids_item items[NTH_COUNT];

	memcpy(items, WANTED, sizeof(items));
	*ret_info = NULL;
	return procps_pids_new(ret_info, items, NTH_COUNT);
}

static void finish(struct pids_info **info)
{
	if (*info)
		procps_pids_unref(info);
}

#define CLEANUP_INFO __attribute__((cleanup(finish)))

static struct ms_pid_facts translate(const struct pids_stack *stack)
{
	struct pids_result *head = stack->head;
	struct ms_pid_facts facts = {
		.pid = head[NTH_PID].result.s_int,
		.ppid = head[NTH_PPID].result.s_int,
		.uid = head[NTH_UID].result.u_int,
		.state = (char)head[NTH_STATE].result.s_ch,
		.threads = (uint32_t)head[NTH_THREADS].result.s_int,
		.start_ticks = head[NTH_START].result.ull_int,
		.rss_bytes = (uint64_t)head[NTH_RSS].result.ul_int * 1024,
		.swap_bytes = (uint64_t)head[NTH_SWAP].result.ul_int * 1024,
	};

	if (head[NTH_COMM].result.str)
		strncat(facts.comm, head[NTH_COMM].result.str, sizeof(facts.comm) - 1);
	return facts;
}

/* VmSwap of a status file, in bytes. */
static uint64_t parse_swap(const char *status)
{
	const char *line = strstr(status, "\nVmSwap:");
	unsigned long long kib = 0;

	return line && sscanf(line, "\nVmSwap: %llu", &kib) == 1 ? (uint64_t)kib * 1024 : 0;
}

static bool read_text(int dirfd, const char *tid, const char *name, char *text, size_t size)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", tid, name);
	MS_CLEANUP_FD int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	text[n < 0 ? 0 : n] = '\0';
	return n > 0;
}

/* Return: whether this thread has not ended; then it says what the process has. */
static bool take_thread(int dirfd, const char *tid, struct ms_pid_facts *facts)
{
	char text[4096];
	unsigned long long pages;

	if (!read_text(dirfd, tid, "stat", text, sizeof(text)))
		return false;
	const char *end = strrchr(text, ')');
	if (!end || end[1] != ' ' || end[2] == 'Z' || end[2] == 'X')
		return false;
	facts->state = end[2];
	if (read_text(dirfd, tid, "statm", text, sizeof(text)) && sscanf(text, "%*u %llu", &pages) == 1)
		facts->rss_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	if (read_text(dirfd, tid, "status", text, sizeof(text)))
		facts->swap_bytes = parse_swap(text);
	return true;
}

/* The first thread of a process may end before the others: it is a zombie then and shows no memory. */
static void look_at_threads(struct ms_pid_facts *facts)
{
	char path[32];
	struct dirent *entry;
	bool found = false;

	if (facts->state != 'Z' || facts->threads < 2)
		return;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)facts->pid);
	DIR *tasks = opendir(path);
	while (tasks && !found && (entry = readdir(tasks)))
		found = entry->d_name[0] != '.' && take_thread(dirfd(tasks), entry->d_name, facts);
	if (tasks)
		closedir(tasks);
}

static int by_pid(const void *a, const void *b)
{
	const struct ms_pid_facts *left = a, *right = b;

	return (left->pid > right->pid) - (left->pid < right->pid);
}

int ms_pids_list(struct ms_pid_facts **ret_facts, size_t *ret_count)
{
	CLEANUP_INFO struct pids_info *info;
	int r = start(&info);

	if (r < 0)
		return r;
	errno = 0;
	struct pids_fetch *fetch = procps_pids_reap(info, PIDS_FETCH_TASKS_ONLY);

	if (!fetch)
		return errno ? -errno : -EIO;
	size_t count = (size_t)fetch->counts->total;
	struct ms_pid_facts *facts = calloc(count + 1, sizeof(*facts));

	if (!facts)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		facts[i] = translate(fetch->stacks[i]);
		look_at_threads(&facts[i]);
	}
	qsort(facts, count, sizeof(*facts), by_pid);
	*ret_facts = facts;
	*ret_count = count;
	return 0;
}

int ms_pids_facts(pid_t pid, struct ms_pid_facts *ret_facts)
{
	CLEANUP_INFO struct pids_info *info;
	unsigned wanted = (unsigned)pid;

	if (pid <= 0)
		return -ESRCH;
	int r = start(&info);

	if (r < 0)
		return r;
	errno = 0;
	struct pids_fetch *fetch = procps_pids_select(info, &wanted, 1, PIDS_SELECT_PID);

	if (!fetch)
		return errno && errno != ENOENT ? -errno : -ESRCH;
	if (fetch->counts->total < 1)
		return -ESRCH;
	*ret_facts = translate(fetch->stacks[0]);
	look_at_threads(ret_facts);
	return 0;
}

bool ms_pid_has_name(const struct ms_pid_facts *facts, const char *name)
{
	return strncmp(facts->comm, name, TASK_COMM_LEN - 1) == 0;
}

const char *ms_pid_state_name(char state)
{
	switch (state) {
	case 'R':
		return "running";
	case 'S':
	case 'I':
		return "sleeping";
	case 'D':
		return "blocked";
	case 'T':
		return "stopped";
	case 't':
		return "traced";
	case 'Z':
	case 'X':
		return "dead";
	default:
		return "unknown";
	}
}
