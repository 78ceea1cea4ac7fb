/* SPDX-License-Identifier: MIT */
/* table/reader_internal.h - between reader.c and reader_open.c alone. */
#ifndef MS_TABLE_READER_INTERNAL_H
#define MS_TABLE_READER_INTERNAL_H

#include "table/reader.h"

/* Exactly @bytes from @offset. Return: 0; -EBADMSG when the file is shorter; pread's errors. */
int ms_reader_copy(int fd, uint64_t offset, void *to, size_t bytes);

#endif
