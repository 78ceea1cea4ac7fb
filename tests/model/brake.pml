/* SPDX-License-Identifier: MIT */
/*
 * The own order of src/lib/brake.c and own.c: two threads that look, the agent, a watch that orders for the same shortage, and
 * marks that may end at any moment. A thread that is held looks again every few milliseconds, and goes when its time
 * is over: not here, so that a wake-up that is lost leaves it asleep for ever, which is an error.
 *
 * Checked, besides the asserts that no move is made but those of the table:
 *   - each thread that is held goes on in the end, also when the marks end or the agent stops meanwhile;
 *   - no round is begun without marks and a shortage, but for an order of the watch;
 *   - of an own round and a watch's order for the same shortage one alone drops anything, as long as the agent
 *     remembers the round.
 */
#define THREADS 2
#define LOOKS 1

mtype = { IDLE, WANTED, RUNNING };

mtype own = IDLE;
bool marks = true, is_short = true;
bool runs = true;          /* the agent has not been stopped */
bool may_stop = false;     /* and will not be: else that would wake each thread in the end */
bool posted = false;       /* by the watch */
bool telling = false;      /* the last own round has not been told */
byte turn = 0, ended = 0;
byte held = 0;
bool asleep[THREADS];
byte done = 0;             /* threads that are */
bool dropped = false;      /* by an own round that a watch does not know of */

inline wake() {
	turn++;
	if
	:: held > 0 -> d_step { asleep[0] = false; asleep[1] = false }
	:: else
	fi
}

proctype thread(byte me) {
	byte look = 0, seen_turn, seen_ended;

	do
	:: look < LOOKS ->
		look++;
		is_short = true; /* it grows */
		if
		:: !(marks && runs) -> goto next
		:: else
		fi;
		atomic { /* compare and swap */
			if
			:: own == IDLE -> own = WANTED
			:: else
			fi
		}
		if
		:: own == IDLE || !runs -> goto next
		:: else
		fi;
		held++;
		seen_ended = ended;
		do
		:: true ->
			seen_turn = turn;
			if
			:: own == IDLE || ended != seen_ended || !runs || !marks || !is_short -> break
			:: else
			fi;
			atomic { /* the futex: asleep only while the word is the same */
				if
				:: turn == seen_turn -> asleep[me] = true
				:: else
				fi
			}
			!asleep[me]
		od;
		atomic { held--; seen_turn = 0; seen_ended = 0 }
next:		skip
	:: look == LOOKS -> break
	od;
	done++
}

inline end_round() {
	if
	:: is_short = false; wake() /* a callback has freed something */
	:: skip
	fi;
	ended++;
	assert(own == RUNNING);
	own = IDLE;
	wake()
}

proctype agent() {
	do
	:: own == WANTED ->
		if
		:: !(marks && is_short) -> own = IDLE; wake()
		:: else ->
			assert(own == WANTED);
			own = RUNNING;
			telling = true;
			dropped = true;
			end_round()
		fi
	:: posted ->
		posted = false;
		if
		:: telling -> telling = false; dropped = false /* answered with its figures */
		:: else ->
			assert(own != RUNNING && !dropped);
			own = RUNNING;
			end_round()
		fi
	:: telling -> telling = false; dropped = false /* 100 ms have passed */
	:: may_stop -> /* stopped */
		runs = false;
		own = IDLE;
		wake();
		break
	:: done == THREADS && !posted -> break
	od
}

proctype watch() {
	bool order = false;

	if
	:: is_short -> order = true
	:: skip
	fi;
	if
	:: order -> posted = true
	:: marks = false /* it was killed 10 s ago */
	:: skip
	fi
}

init {
	atomic {
		if
		:: may_stop = true
		:: skip
		fi;
		run agent();
		run thread(0);
		run thread(1);
		run watch()
	}
}
