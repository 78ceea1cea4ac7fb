/* SPDX-License-Identifier: MIT */
/*
 * The executor of src/lib/executor.c: two threads of the agent's, of which one stands by, an owner's thread in
 * memshed_poll(), and a thread that unregisters. A callback may take for ever, and each deadline may pass at any
 * moment. What happens under [K2] is one atomic step.
 *
 * Cache 0 may run in any thread; cache 1 only in its owner's, so the agent queues it; it unregisters itself in
 * its callback, or not. Checked, besides the asserts that no move is made but those of the table:
 *   - no two callbacks run that are not late;
 *   - a cache is freed once, by one thread, and not while a thread is in its callback;
 *   - what is queued gets one reply, whoever of the agent, the owner and unregister comes first;
 *   - a thread that comes back late is not the agent, and no two threads are.
 */
#define CACHES 2
#define NONE CACHES
#define ROUNDS 2

mtype = { IDLE, QUEUED, RUNNING, LATE, DYING };

mtype state[CACHES] = IDLE;
bool found[CACHES] = true; /* in by_row[] */
bool freed[CACHES];
byte inside[CACHES];       /* threads in its callback */
byte running = NONE;       /* the callback that is not late */
bool by_agent;
byte role = 0;             /* the thread that is the agent */
byte serving = 0;          /* threads that touch what is the agent's */
bool has_job;              /* cache 1: a job waits for its reply */
byte open = 0;             /* replies of that job that are not there yet */

inline reply(c) {
	if
	:: c == 1 && has_job -> has_job = false; assert(open == 1); open--
	:: else
	fi
}

inline begin(c, agent) {
	assert(running == NONE && (state[c] == IDLE || state[c] == QUEUED) && !freed[c]);
	state[c] = RUNNING;
	running = c;
	by_agent = agent;
	inside[c]++
}

inline make_late() {
	if
	:: state[running] == RUNNING -> state[running] = LATE
	:: else -> assert(state[running] == DYING)
	fi;
	reply(running);
	running = NONE
}

/* The callback has returned. */
inline finish(c, in_time, bury) {
	atomic {
		assert(inside[c] == 1 && !freed[c]);
		in_time = (running == c);
		if
		:: in_time -> running = NONE
		:: else -> assert(state[c] == LATE || state[c] == DYING)
		fi;
		reply(c);
		inside[c]--;
		bury = (state[c] == DYING);
		if
		:: !bury -> state[c] = IDLE
		:: else
		fi
	}
	if
	:: bury -> atomic { assert(!freed[c] && inside[c] == 0); freed[c] = true }
	:: else
	fi
}

proctype agent(byte me) {
	byte round = 0;
	bool begun, in_time, bury;

	do
	:: role == me && round < ROUNDS ->
		round++;
		begun = false;
		atomic { serving++; assert(serving == 1) }
		if
		:: skip; atomic { /* cache 0 */
			if
			:: !found[0] || state[0] == LATE || state[0] == DYING -> skip /* gone, or stuck */
			:: found[0] && state[0] == IDLE && running == NONE -> begin(0, true); begun = true; serving--
			:: else -> skip /* waits for others; looks again */
			fi }
		:: skip; atomic { /* cache 1 */
			if
			:: found[1] && state[1] == IDLE -> state[1] = QUEUED; has_job = true; open++
			:: else -> skip
			fi }
		::  skip; atomic { /* the order's time is over */
			if
			:: running == 1 && has_job -> make_late()
			:: running != 1 && state[1] == QUEUED && has_job -> reply(1); state[1] = IDLE
			:: else -> skip
			fi }
		:: skip; atomic { /* the owner's callback keeps it waiting, and is late */
			if
			:: running != NONE && !by_agent -> make_late()
			:: else -> skip
			fi }
		fi;
		if
		:: begun ->
			if
			:: skip
			:: false /* for ever */
			fi;
			finish(0, in_time, bury);
			if
			:: in_time -> assert(role == me)
			:: else -> assert(role != me)
			fi
		:: else -> serving--
		fi
	:: atomic { (role != me && running != NONE && by_agent) -> make_late(); role = me }
	:: round == ROUNDS || role != me -> break
	od
}

proctype owner() {
	bool in_time, bury;
	byte round = 0;

	do
	:: round < ROUNDS ->
		atomic { running == NONE && state[1] == QUEUED -> begin(1, false); round++ }
		if
		:: skip
		:: false
		:: atomic { found[1] = false; state[1] = DYING } /* unregisters itself; K1 and K2 in one step here */
		fi;
		finish(1, in_time, bury);
		if
		:: bury -> break
		:: else
		fi
	:: break
	od
}

proctype unregister(byte c) {
	bool done = false;

	atomic {
		if
		:: found[c] -> found[c] = false
		:: else -> done = true /* it has unregistered itself */
		fi
	}
	do
	:: done -> break
	:: atomic { !done && (state[c] == IDLE || state[c] == QUEUED) ->
		if
		:: state[c] == QUEUED -> reply(c)
		:: else
		fi;
		state[c] = DYING;
		assert(inside[c] == 0 && !freed[c]);
		freed[c] = true;
		done = true }
	od
}

init {
	atomic {
		run agent(0);
		run agent(1);
		run owner();
		if
		:: run unregister(0)
		:: run unregister(1)
		fi
	}
}
