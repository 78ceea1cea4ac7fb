/* SPDX-License-Identifier: MIT */
/*
 * util/rcu.h - the one way to liburcu (flavour bp: a thread registers itself at its first read).
 *
 * A reader brackets its use of a published pointer with ms_rcu_read_lock() and _unlock(), never
 * blocks in between, and takes the pointer with ms_rcu_dereference(). A writer publishes with
 * ms_rcu_assign(), and frees what it took away after ms_rcu_synchronize(), which it never calls
 * between _lock() and _unlock().
 *
 * liburcu is not instrumented, so ThreadSanitizer cannot see that a grace period orders the readers
 * before the writer; the tag below says it: a reader's unlock releases, the return from a grace period
 * acquires.
 *
 * Fork: the three functions at the end stand in the caller's atfork handlers. They hold liburcu's own
 * locks from the first to the second or third, so a process has them called once per fork: a program
 * that uses liburcu-bp itself and calls urcu_bp_before_fork() from a handler of its own would wait
 * for itself.
 */
#ifndef MS_UTIL_RCU_H
#define MS_UTIL_RCU_H

#include <stdatomic.h>
#include <urcu/list.h>
#include <urcu/urcu-bp.h>

#if defined(__SANITIZE_THREAD__)
void __tsan_acquire(void *address);
void __tsan_release(void *address);
__attribute__((weak)) char ms_rcu_tag;
#define MS_RCU_TSAN_ACQUIRE() __tsan_acquire(&ms_rcu_tag)
#define MS_RCU_TSAN_RELEASE() __tsan_release(&ms_rcu_tag)
#else
#define MS_RCU_TSAN_ACQUIRE() ((void)0)
#define MS_RCU_TSAN_RELEASE() ((void)0)
#endif

/* [rcu.R1] @pointer is an _Atomic pointer; the store releases what it points to, the load acquires it;
 * pairs with [rcu.R1] */
#define ms_rcu_assign(pointer, value) atomic_store_explicit(pointer, value, memory_order_release) /* [rcu.R1] */
#define ms_rcu_dereference(pointer) atomic_load_explicit(pointer, memory_order_acquire) /* [rcu.R1] */

static inline void ms_rcu_read_lock(void)
{
	urcu_bp_read_lock();
}

static inline void ms_rcu_read_unlock(void)
{
	MS_RCU_TSAN_RELEASE();
	urcu_bp_read_unlock();
}

/* ms_rcu_synchronize - wait until every read section that runs now has ended */
static inline void ms_rcu_synchronize(void)
{
	urcu_bp_synchronize_rcu();
	MS_RCU_TSAN_ACQUIRE();
}

/* So that the first read section allocates nothing. */
static inline void ms_rcu_register_thread(void)
{
	urcu_bp_register_thread();
}

static inline void ms_rcu_before_fork(void)
{
	urcu_bp_before_fork();
}

static inline void ms_rcu_after_fork_parent(void)
{
	urcu_bp_after_fork_parent();
}

static inline void ms_rcu_after_fork_child(void)
{
	urcu_bp_after_fork_child();
}

#endif
