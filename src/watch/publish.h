/* SPDX-License-Identifier: MIT */
/* watch/publish.h - what of a watch others may read, into table/state.h. Opens and allocates nothing. */
#ifndef MS_WATCH_PUBLISH_H
#define MS_WATCH_PUBLISH_H

struct ms_watch;

/** ms_publish_begin - what does not change; once, before the first ms_publish() */
void ms_publish_begin(struct ms_watch *watch, const char *journal);

/** ms_publish - all of it as it is now */
void ms_publish(struct ms_watch *watch);

#endif
