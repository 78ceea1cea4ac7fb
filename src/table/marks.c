/* SPDX-License-Identifier: MIT */
/* table/marks.c - see marks.h. */
#include "table/marks.h"

#include <stddef.h>
#include <string.h>

#include "table/copy.h"

enum { TRIES = 4, BODY_WORDS = sizeof(struct ms_marks_body) / sizeof(uint64_t) };

_Static_assert(offsetof(struct ms_control_abi, marks) % sizeof(uint64_t) == 0, "copied as words");
_Static_assert(offsetof(struct ms_marks_abi, check) == sizeof(struct ms_marks_body), "no gap");

/* The constants of FNV-1a, by words. */
static uint64_t mix(uint64_t sum, const void *from, size_t words)
{
	const unsigned char *bytes = from;

	for (size_t i = 0; i < words; i++) {
		uint64_t word;

		memcpy(&word, bytes + i * sizeof(word), sizeof(word));
		sum = (sum ^ word) * UINT64_C(0x100000001b3);
		sum ^= sum >> 32;
	}
	return sum;
}

static uint64_t check_of(const struct ms_marks_body *body)
{
	return mix(UINT64_C(0xcbf29ce484222325), body, BODY_WORDS);
}

uint64_t ms_marks_generation(uint32_t kind, uint64_t device, uint64_t inode,
			     const char directory[MS_MARKS_DIRECTORY_BYTES])
{
	const uint64_t file[] = {kind, device, inode};
	uint64_t sum = mix(UINT64_C(0xcbf29ce484222325), file, sizeof(file) / sizeof(file[0]));

	sum = mix(sum, directory, MS_MARKS_DIRECTORY_BYTES / sizeof(uint64_t));
	return sum ? sum : 1;
}

bool ms_marks_write(struct ms_control_abi *page, const struct ms_marks_body *body,
		    const char directory[MS_MARKS_DIRECTORY_BYTES])
{
	struct ms_marks_abi *marks = &page->marks;
	uint64_t check = check_of(body), before;

	ms_copy_get(&before, &marks->body.generation, sizeof(before));
	ms_copy_put(marks->directory, directory, MS_MARKS_DIRECTORY_BYTES);
	ms_copy_put(&marks->body, body, sizeof(*body));
	ms_copy_put(&marks->check, &check, sizeof(check));
	return before != body->generation;
}

/* Return: whether the copy is whole. */
static bool copy_body(const struct ms_control_abi *page, struct ms_marks_body *ret_body)
{
	for (int i = 0; i < TRIES; i++) {
		uint64_t check;

		ms_copy_get(ret_body, &page->marks.body, sizeof(*ret_body));
		ms_copy_get(&check, &page->marks.check, sizeof(check));
		if (check == check_of(ret_body))
			return true;
	}
	return false;
}

static bool makes_sense(const struct ms_marks_body *body, uint64_t now_ns)
{
	if (body->kind == MS_USAGE_NONE || body->kind > MS_USAGE_ANON)
		return false;
	if (now_ns >= body->until_ns || body->until_ns - now_ns > MS_MARKS_LIFE_NS)
		return false;
	return body->low_bytes > 0 && body->low_bytes < body->high_bytes && body->high_bytes <= body->brake_bytes &&
	       body->brake_bytes <= body->max_bytes;
}

bool ms_marks_read_kept(const struct ms_control_abi *page, uint64_t now_ns, struct ms_marks_body *kept)
{
	struct ms_marks_body body;

	if (!copy_body(page, &body))
		body = *kept;
	if (!makes_sense(&body, now_ns)) {
		kept->kind = MS_USAGE_NONE;
		return false;
	}
	if (body.sharers == 0)
		body.sharers = 1;
	if (body.sharers > MS_MARKS_SHARERS_MOST)
		body.sharers = MS_MARKS_SHARERS_MOST;
	*kept = body;
	return true;
}

bool ms_marks_read(const struct ms_control_abi *page, uint64_t now_ns, struct ms_marks_body *ret_body)
{
	struct ms_marks_body body = {.kind = MS_USAGE_NONE};

	if (!ms_marks_read_kept(page, now_ns, &body))
		return false;
	*ret_body = body;
	return true;
}

/* "/../", or one at the end. */
static bool goes_up(const char *directory)
{
	const char *at = directory;

	while ((at = strstr(at, "/.."))) {
		at += 3;
		if (*at == '/' || *at == '\0')
			return true;
	}
	return false;
}

bool ms_marks_read_directory(const struct ms_control_abi *page, const struct ms_marks_body *body,
			     char ret_directory[MS_MARKS_DIRECTORY_BYTES])
{
	char directory[MS_MARKS_DIRECTORY_BYTES];

	ms_copy_get(directory, page->marks.directory, sizeof(directory));
	if (!memchr(directory, '\0', sizeof(directory)) || directory[0] != '/' || goes_up(directory))
		return false;
	if (body->generation != ms_marks_generation(body->kind, body->device, body->inode, directory))
		return false;
	memcpy(ret_directory, directory, sizeof(directory));
	return true;
}

uint64_t ms_marks_used(uint64_t bytes, int64_t offset)
{
	uint64_t by = offset < 0 ? -(uint64_t)offset : (uint64_t)offset;

	if (offset < 0)
		return bytes > by ? bytes - by : 0;
	return bytes > UINT64_MAX - by ? UINT64_MAX : bytes + by;
}
