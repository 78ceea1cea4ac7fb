/* SPDX-License-Identifier: MIT */
/* sample/cgroup_parse.c - the text files of cgroup.h. Pure. */
#include "sample/cgroup.h"

#include <errno.h>
#include <string.h>

#include "sample/text.h"

/* PAGE_COUNTER_MAX is LONG_MAX rounded down to pages, of 64 KiB at most. */
static const uint64_t V1_NO_LIMIT = (uint64_t)INT64_MAX & ~UINT64_C(0xffff);

/* Move over the blank behind the field at the cursor. */
static bool skip_field(const char **cursor)
{
	size_t length = strcspn(*cursor, " \n");

	*cursor += length;
	return length > 0 && ms_text_skip(cursor, " ");
}

static int octal_digit(char c)
{
	return c >= '0' && c <= '7' ? c - '0' : -1;
}

/* The byte at the cursor; \ooo stands for a blank, tab, newline or backslash: proc_pid_mountinfo(5). */
static char take_byte(const char **cursor)
{
	const char *p = *cursor;

	if (p[0] == '\\') {
		int a = octal_digit(p[1]);
		int b = a < 0 ? -1 : octal_digit(p[2]);
		int c = b < 0 ? -1 : octal_digit(p[3]);

		if (c >= 0 && a <= 3) {
			*cursor = p + 4;
			return (char)(a * 64 + b * 8 + c);
		}
	}
	*cursor = p + 1;
	return *p;
}

/* A path field, with the blank behind it. */
static bool take_path(const char **cursor, char path[MS_CGROUP_PATH_BYTES])
{
	size_t length = 0;

	if (**cursor != '/')
		return false;
	while (**cursor != ' ') {
		if (**cursor == '\0' || **cursor == '\n' || length == MS_CGROUP_PATH_BYTES - 1)
			return false;
		char byte = take_byte(cursor);

		if (byte == '\0')
			return false;
		path[length++] = byte;
	}
	path[length] = '\0';
	return ms_text_skip(cursor, " ");
}

/* Whether a list such as "rw,cpu,memory" has a word; it ends at a blank, a colon or the line's end. */
static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (;;) {
		size_t n = strcspn(list, ",: \n");

		if (n == length && memcmp(list, word, n) == 0)
			return true;
		if (list[n] != ',')
			return false;
		list += n + 1;
	}
}

/* id parent major:minor root point options [optional ...] - type source super-options */
int ms_cgroup_parse_mount(const char *line, struct ms_cgroup_mount *ret_mount)
{
	const char *cursor = strstr(line, " - cgroup");
	enum ms_cgroup_version version = MS_CGROUP_NONE;

	if (!cursor)
		return -ENOENT;
	ms_text_skip(&cursor, " - ");
	if (ms_text_skip(&cursor, "cgroup2 "))
		version = MS_CGROUP_V2;
	else if (!ms_text_skip(&cursor, "cgroup "))
		return -ENOENT;
	if (!skip_field(&cursor))
		return -EBADMSG;
	if (version == MS_CGROUP_NONE && !has_word(cursor, "memory"))
		return -ENOENT;
	cursor = line;
	for (int i = 0; i < 3; i++)
		if (!skip_field(&cursor))
			return -EBADMSG;
	if (!take_path(&cursor, ret_mount->root) || !take_path(&cursor, ret_mount->point))
		return -EBADMSG;
	ret_mount->version = version == MS_CGROUP_NONE ? MS_CGROUP_V1 : version;
	return 0;
}

/* A removed cgroup is shown with " (deleted)" behind its path; its ancestors still count. */
static int copy_path(const char *path, char ret_path[MS_CGROUP_PATH_BYTES])
{
	static const char deleted[] = " (deleted)";
	const size_t tail = sizeof(deleted) - 1;
	size_t length = strcspn(path, "\n");

	if (length > tail && memcmp(path + length - tail, deleted, tail) == 0)
		length -= tail;
	if (length >= MS_CGROUP_PATH_BYTES)
		return -ENAMETOOLONG;
	if (path[0] != '/')
		return -EBADMSG;
	memcpy(ret_path, path, length);
	ret_path[length] = '\0';
	return 0;
}

int ms_cgroup_parse_membership(const char *text, enum ms_cgroup_version *ret_version,
			       char ret_path[MS_CGROUP_PATH_BYTES])
{
	const char *unified = NULL;

	for (const char *line = text; *line;) {
		uint64_t hierarchy;
		const char *cursor = line;
		const char *end = strchr(line, '\n');

		if (!ms_text_u64(&cursor, &hierarchy) || !ms_text_skip(&cursor, ":") || !end)
			return -EBADMSG;
		const char *path = cursor + strcspn(cursor, ":\n");

		if (*path != ':')
			return -EBADMSG;
		path++;
		if (has_word(cursor, "memory")) {
			*ret_version = MS_CGROUP_V1;
			return copy_path(path, ret_path);
		}
		if (hierarchy == 0 && *cursor == ':')
			unified = path;
		line = end + 1;
	}
	if (!unified)
		return -ENOENT;
	*ret_version = MS_CGROUP_V2;
	return copy_path(unified, ret_path);
}

static bool add_rows(const char *text, const char *a, const char *b, uint64_t *ret_sum)
{
	uint64_t first, second;

	return ms_text_row_u64(text, a, &first) && ms_text_row_u64(text, b, &second) &&
	       !__builtin_add_overflow(first, second, ret_sum);
}

int ms_cgroup_parse_stat(const char *text, enum ms_cgroup_version version, struct ms_cgroup_stat *ret_stat)
{
	struct ms_cgroup_stat stat = {.hierarchy_max_bytes = MS_CGROUP_NO_LIMIT};
	bool ok;

	if (version == MS_CGROUP_V1) {
		ok = ms_text_row_u64(text, "total_rss", &stat.anon_bytes) &&
		     add_rows(text, "total_inactive_file", "total_active_file", &stat.file_lru_bytes) &&
		     ms_text_row_u64(text, "hierarchical_memory_limit", &stat.hierarchy_max_bytes);
		if (stat.hierarchy_max_bytes >= V1_NO_LIMIT)
			stat.hierarchy_max_bytes = MS_CGROUP_NO_LIMIT;
	} else {
		ok = ms_text_row_u64(text, "anon", &stat.anon_bytes) &&
		     add_rows(text, "inactive_file", "active_file", &stat.file_lru_bytes);
		/* A kernel that does not count kernel memory has no such row. */
		if (!ms_text_row_u64(text, "slab_reclaimable", &stat.slab_reclaimable_bytes))
			stat.slab_reclaimable_bytes = 0;
	}
	if (!ok)
		return -EBADMSG;
	*ret_stat = stat;
	return 0;
}

int ms_cgroup_parse_bytes(const char *text, uint64_t *ret_bytes)
{
	const char *cursor = text;
	uint64_t bytes = MS_CGROUP_NO_LIMIT;

	if (!ms_text_skip(&cursor, "max") && !ms_text_u64(&cursor, &bytes))
		return -EBADMSG;
	if (*cursor != '\n')
		return -EBADMSG;
	*ret_bytes = bytes >= V1_NO_LIMIT ? MS_CGROUP_NO_LIMIT : bytes;
	return 0;
}

int ms_cgroup_parse_oom_kills(const char *text, uint64_t *ret_kills)
{
	return ms_text_row_u64(text, "oom_kill", ret_kills) ? 0 : -ENOENT;
}

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
uint64_t ms_cgroup_membership_hash(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return hash;
}
