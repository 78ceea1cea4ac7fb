/* SPDX-License-Identifier: MIT */
/* watch/members.c - see members.h. */
#include "watch/members.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "memshed.h"
#include "rank/facts.h"
#include "table/names.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/inode.h"
#include "util/saturate.h"

/* The first looks catch a program that registers while it starts; the later ones, one that loads the
 * library when it has run for hours. Each costs a few system calls per open descriptor. */
#define FIRST_LOOK_NS (20 * MS_NS_PER_MS)
#define LAST_LOOK_NS (60 * MS_NS_PER_S)

/* Members of which the program is read at a time. */
enum { NOTICED_AT_ONCE = 64 };

/* An agent that has been in one callback for so long takes no further order. */
#define AGENT_STUCK_NS (10 * MS_NS_PER_S)

void ms_members_init(struct ms_members *members, const struct ms_root *root, struct ms_state_writer *state)
{
	members->root = root;
	members->state = state;
}

static uint32_t hash_name(const char *name)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return hash;
}

static void publish(const struct ms_members *members, const struct ms_member *member)
{
	uint32_t index = (uint32_t)(member - members->at);
	const struct ms_state_member public = {
		.pid = (uint32_t)member->pid,
		.table_fd = member->reader.fd,
		.control_fd = member->can_post ? member->client.fd : -1,
		.start_ticks = member->start_ticks,
		.identity = member->reader.info.identity,
	};

	if (members->state)
		ms_state_put_member(members->state, index, member->has_table ? &public : NULL);
}

/* What was asked of it ends with its control page; orders.c finds it ended. */
static void drop_control(struct ms_member *target)
{
	if (target->can_post) {
		ms_post_take_back(&target->order, &target->client);
		ms_post_take_back(&target->count, &target->client);
		ms_control_close(&target->client);
	}
	target->can_post = false;
	if (target->pidfd >= 0)
		close(target->pidfd);
	target->pidfd = -1;
}

static void drop_table(struct ms_members *members, struct ms_member *target)
{
	drop_control(target);
	if (!target->has_table)
		return;
	assert(members->tables > 0 && !ms_post_is_open(&target->order));
	target->has_table = false;
	publish(members, target); /* before the number stands for another file */
	ms_table_close(&target->reader);
	members->tables--;
}

static void plan_look(struct ms_members *members, struct ms_member *target, uint64_t now_ns)
{
	uint64_t pause = target->looks < 12 ? FIRST_LOOK_NS << target->looks : LAST_LOOK_NS;

	target->look_at_ns = now_ns + (pause < LAST_LOOK_NS ? pause : LAST_LOOK_NS);
	if (target->look_at_ns < members->next_look_ns)
		members->next_look_ns = target->look_at_ns;
}

/* What was opened by pid just now belongs to this process if the pid is still its own afterwards. */
static int check_alive(const struct ms_members *members, struct ms_member *target)
{
	struct ms_process_stat stat;
	int error = ms_process_read_stat(members->root, target->pid, target->start_ticks, &stat);

	if (error == 0)
		memcpy(target->comm, stat.comm, sizeof(target->comm));
	return error;
}

static int open_pidfd(const struct ms_members *members, struct ms_member *target)
{
	MS_CLEANUP_FD int fd = pidfd_open(target->pid, 0);

	if (fd < 0)
		return -errno;
	int error = check_alive(members, target);
	return error < 0 ? error : ms_steal_fd(&fd);
}

void ms_members_add(struct ms_members *members, uint32_t slot, pid_t pid, uint64_t start_ticks, uint64_t now_ns)
{
	struct ms_member *target = &members->at[slot];

	assert(target->pid == 0 && target->order.state == MS_POST_IDLE);
	*target = (struct ms_member){.pid = pid, .start_ticks = start_ticks, .pidfd = -1, .handle = -1};
	if (members->handles)
		target->handle = open_pidfd(members, target);
	plan_look(members, target, now_ns);
}

void ms_members_remove(struct ms_members *members, uint32_t slot)
{
	struct ms_member *target = &members->at[slot];

	drop_table(members, target);
	if (target->handle >= 0)
		close(target->handle);
	target->handle = -1;
	target->pid = 0;
}

static void open_control(struct ms_members *members, struct ms_member *target, int control_fd)
{
	const struct ms_table_info *info = &target->reader.info;
	int signal = info->agent_mode == MEMSHED_AGENT_SIGNAL ? (int)info->agent_signal : 0;

	if (signal)
		target->pidfd = open_pidfd(members, target);
	if (ms_control_open(&target->client, control_fd, info->identity, target->pidfd, signal) == 0)
		target->can_post = true;
	else
		close(control_fd);
}

static void take_over(struct ms_members *members, struct ms_member *target, const struct ms_table_reader *reader,
		      int control_fd)
{
	drop_table(members, target);
	target->reader = *reader;
	target->has_table = true;
	target->looks = 0;
	target->said_silent = false;
	members->tables++;
	check_alive(members, target); /* for its name: it may have executed another program */
	if (control_fd >= 0)
		open_control(members, target, control_fd);
	publish(members, target);
}

bool ms_members_knows(const struct ms_members *members, uint32_t slot, int table_fd)
{
	const struct ms_member *member = &members->at[slot];
	struct ms_inode inode = ms_inode_of(table_fd);

	return member->has_table && inode.inode && ms_inode_is(member->reader.fd, &inode);
}

int ms_members_adopt(struct ms_members *members, uint32_t slot, int table_fd, int control_fd)
{
	struct ms_table_reader reader;
	int error = ms_table_open(&reader, &members->scratch, table_fd);

	if (error < 0) {
		close(table_fd);
		if (control_fd >= 0)
			close(control_fd);
		return error;
	}
	take_over(members, &members->at[slot], &reader, control_fd);
	return 0;
}

int ms_members_next_look(struct ms_members *members, uint32_t slots, uint64_t now_ns)
{
	uint64_t next = UINT64_MAX;

	if (now_ns < members->next_look_ns)
		return -EAGAIN;
	for (uint32_t i = 0; i < slots; i++) {
		const struct ms_member *target = &members->at[i];

		if (!target->pid || target->has_table)
			continue;
		if (target->look_at_ns <= now_ns)
			return (int)i;
		if (target->look_at_ns < next)
			next = target->look_at_ns;
	}
	members->next_look_ns = next;
	return -EAGAIN;
}

static void close_found(struct ms_table_reader *reader, int control_fd)
{
	ms_table_close(reader);
	if (control_fd >= 0)
		close(control_fd);
}

int ms_members_look(struct ms_members *members, uint32_t slot, uint64_t now_ns)
{
	struct ms_member *target = &members->at[slot];
	struct ms_table_reader reader;
	int control_fd = -1;
	int error = ms_table_open_pid(&reader, &members->scratch, target->pid, &control_fd);

	target->looks++;
	plan_look(members, target, now_ns);
	if (error == -ENOENT && target->has_table) { /* it executes another program now */
		drop_table(members, target);
		return 1;
	}
	if (error < 0)
		return error == -ENOENT ? 0 : error;
	bool same = target->has_table && target->reader.info.identity == reader.info.identity;
	error = check_alive(members, target);
	if (same || error < 0) {
		close_found(&reader, control_fd);
		return error;
	}
	take_over(members, target, &reader, control_fd);
	return 1;
}

void ms_members_look_soon(struct ms_members *members, uint32_t slots, uint64_t now_ns)
{
	for (uint32_t i = 0; i < slots; i++)
		if (members->at[i].pid && !members->at[i].has_table)
			members->at[i].look_at_ns = now_ns;
	members->next_look_ns = now_ns;
}

static void notice_exec(struct ms_members *members, struct ms_member *target, uint64_t now_ns)
{
	struct ms_process_stat stat;

	if (ms_process_read_stat(members->root, target->pid, target->start_ticks, &stat) < 0)
		return;
	/* Where we may not read that, its name is taken, though a process may change that by itself. */
	uint64_t program = stat.arguments_at ? stat.arguments_at : hash_name(stat.comm);

	if (target->program && target->program != program) {
		target->looks = 0;
		plan_look(members, target, now_ns);
	}
	target->program = program;
}

void ms_members_notice_exec(struct ms_members *members, uint32_t slots, uint64_t now_ns)
{
	uint32_t left = NOTICED_AT_ONCE;

	for (uint32_t i = 0; i < slots && left > 0; i++) {
		members->noticed = members->noticed + 1 < slots ? members->noticed + 1 : 0;
		struct ms_member *target = &members->at[members->noticed];

		if (!target->pid || target->has_table)
			continue;
		notice_exec(members, target, now_ns);
		left--;
	}
}

bool ms_members_answers(const struct ms_member *member, uint64_t now_ns)
{
	const struct ms_table_info *info = &member->reader.info;

	if (!member->can_post || member->stopped)
		return false;
	if (info->agent_state != MS_AGENT_RUNNING || info->current_since_ns == 0)
		return ms_name_takes_orders(info->agent_state);
	return now_ns < info->current_since_ns || now_ns - info->current_since_ns < AGENT_STUCK_NS;
}

bool ms_members_register(const struct ms_members *members, uint32_t slots)
{
	for (uint32_t i = 0; i < slots; i++)
		if (members->at[i].pid && !members->at[i].has_table)
			return false;
	return members->tables > 0;
}

bool ms_members_look_alone(const struct ms_members *members, uint32_t slots)
{
	uint32_t left = members->tables;

	for (uint32_t i = 0; i < slots && left > 0; i++) {
		const struct ms_table_info *info = &members->at[i].reader.info;

		if (!members->at[i].has_table)
			continue;
		if (info->live_rows > 1 && info->own_rounds == 0) /* the first is the allocator's */
			return false;
		left--;
	}
	return members->tables > 0;
}

bool ms_members_brake(const struct ms_members *members, uint32_t slots)
{
	uint32_t left = members->tables;

	for (uint32_t i = 0; i < slots && left > 0; i++) {
		if (!members->at[i].has_table)
			continue;
		if (members->at[i].reader.info.brakes == 0)
			return false;
		left--;
	}
	return members->tables > 0;
}

int ms_members_signal(const struct ms_member *member, int signal)
{
	if (member->handle < 0)
		return -ENOENT;
	return pidfd_send_signal(member->handle, signal, NULL, 0) < 0 ? -errno : 0;
}

static uint32_t read_rows(struct ms_members *members, struct ms_member *target, uint32_t capacity)
{
	uint32_t room = capacity < MS_MEMBERS_ROWS_OF_ONE ? capacity : MS_MEMBERS_ROWS_OF_ONE;
	int count = ms_table_read_rows(&target->reader, members->buffer, room);

	return count < 0 ? 0 : (uint32_t)count;
}

/* ---- naming caches: those of one name are one ---- */

/* The target chooses the names, so it may make their hashes collide, and then all groups are looked
 * through. So the number of groups is bounded; beyond that, a cache with another name is told alone. */
enum { GROUPS = MS_MEMBERS_ROWS_OF_ONE, PLACES = 2 * GROUPS };

struct naming {
	struct ms_member *target;
	uint64_t order_seq; /* 0: what they hold; else what they gave */
	struct ms_event_caches *list;
	char *stuck;        /* or NULL */
	struct ms_row *groups; /* bytes: their sum; entries: how many */
	uint32_t count;
	uint16_t places[PLACES]; /* by hash: index of a group + 1; 0 = none */
};

/* Return: the group of that name, a new one perhaps; NULL when there is none and no room. */
static struct ms_row *find_group(struct naming *naming, const char *name)
{
	uint32_t at = hash_name(name) % PLACES;

	for (; naming->places[at]; at = (at + 1) % PLACES) {
		struct ms_row *group = &naming->groups[naming->places[at] - 1];

		if (strcmp(group->name, name) == 0)
			return group;
	}
	if (naming->count == GROUPS)
		return NULL;
	struct ms_row *group = &naming->groups[naming->count++];

	naming->places[at] = (uint16_t)naming->count;
	group->flags = 0;
	group->bytes = group->entries = 0;
	memcpy(group->name, name, sizeof(group->name));
	return group;
}

static void tell(const struct naming *naming, const char *name, uint32_t flags, uint64_t bytes, uint64_t caches)
{
	struct ms_event_cache cache = {.pid = naming->target->pid,
				       .bytes = bytes,
				       .estimated = flags & MEMSHED_CACHE_ESTIMATED,
				       .caches = caches};

	memcpy(cache.comm, naming->target->comm, sizeof(cache.comm));
	memcpy(cache.cache, name, sizeof(cache.cache));
	ms_event_caches_add(naming->list, &cache);
}

/* An own round has no answer that could name it: the next answer does, once. */
static void name_stuck(const struct naming *naming, const struct ms_row *row)
{
	memcpy(naming->stuck, row->name, MS_NAME_BYTES);
	if (row->last.order_seq & MS_OWN_SEQ)
		naming->target->stuck_seq = row->last.order_seq;
}

static void take_row(void *arg, const struct ms_row *row)
{
	struct naming *naming = arg;
	uint64_t bytes = naming->order_seq ? row->last.claimed_bytes : row->bytes;

	bool is_stuck = naming->stuck && row->last.status == MS_ANSWER_STUCK;

	if (naming->order_seq && row->last.order_seq != naming->order_seq) {
		if (is_stuck && row->last.order_seq & MS_OWN_SEQ && row->last.order_seq > naming->target->stuck_seq)
			name_stuck(naming, row);
		return;
	}
	if (is_stuck)
		name_stuck(naming, row);
	if (row->row == MS_ALLOCATOR_ROW || bytes == 0)
		return;
	struct ms_row *group = find_group(naming, row->name);

	if (!group) {
		tell(naming, row->name, row->flags, bytes, 1);
		return;
	}
	group->flags |= row->flags;
	group->bytes = ms_sat_add(group->bytes, bytes);
	group->entries++;
}

void ms_members_name(struct ms_members *members, uint32_t slot, uint64_t order_seq, struct ms_event_caches *list,
		     char *stuck)
{
	struct ms_member *target = &members->at[slot];
	struct naming naming = {
		.target = target, .order_seq = order_seq, .list = list, .stuck = stuck, .groups = members->buffer};

	if (!target->has_table)
		return;
	ms_table_visit_rows(&target->reader, take_row, &naming);
	for (uint32_t i = 0; i < naming.count; i++) {
		const struct ms_row *group = &naming.groups[i];

		tell(&naming, group->name, group->flags, group->bytes, group->entries);
	}
}

/* ---- for the policy ---- */

/* Return: how many keys. */
static uint32_t read_one(struct ms_members *members, uint32_t slot, uint64_t now_ns,
			 struct ms_policy_process *process, struct ms_rank_key *keys, uint32_t capacity)
{
	struct ms_member *target = &members->at[slot];
	uint32_t count = read_rows(members, target, capacity), key_count = 0;

	*process = (struct ms_policy_process){.process = slot,
					      .brakes = target->reader.info.brakes > 0,
					      .answers = ms_members_answers(target, now_ns),
					      .caches = target->reader.info.live_rows};
	for (uint32_t i = 0; i < count; i++) {
		struct ms_rank_facts facts = ms_rank_facts_of(&members->buffer[i]);

		if (facts.row == MS_ALLOCATOR_ROW) {
			process->free_bytes = ms_rank_bytes(&facts);
			process->caches -= process->caches > 0;
			continue;
		}
		ms_rank_key(&facts, now_ns, &keys[key_count]);
		keys[key_count++].process = slot;
	}
	return key_count;
}

struct ms_policy_input ms_members_read(struct ms_members *members, uint32_t slots, uint64_t now_ns)
{
	struct ms_members_stock *stock = &members->stock;
	struct ms_policy_input input = {.processes = stock->processes, .keys = stock->keys};
	uint32_t left = members->tables;

	for (uint32_t i = 0; i < slots && left > 0; i++) {
		if (!members->at[i].has_table)
			continue;
		/* Each may have its share of what the ones before it left. */
		input.key_count += read_one(members, i, now_ns, &stock->processes[input.process_count++],
					    stock->keys + input.key_count,
					    (MS_MEMBERS_ROWS - input.key_count) / left--);
	}
	return input;
}

bool ms_members_is_stopped(const struct ms_members *members, uint32_t slot)
{
	const struct ms_member *target = &members->at[slot];
	struct ms_process_stat stat;

	if (ms_process_read_stat(members->root, target->pid, target->start_ticks, &stat) < 0)
		return false;
	return stat.state == 'T' || stat.state == 't';
}
