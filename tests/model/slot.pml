/* SPDX-License-Identifier: MIT */
/*
 * One slot of the control page: two clients, of which each may stall for ever or die at any step, and the
 * agent, whose patience may end at any moment (so a stalled client is one that comes back too late).
 *
 * The state machine is that of src/table/layout.h. Checked:
 *   - while an order runs nobody but its client (to abandon it) and the agent moves the slot;
 *   - an answer a client gets is the one to its own order;
 *   - nobody moves a slot that is not theirs, so no move but those of the table is ever made (the asserts);
 *   - when all clients are done or dead and patience is over, the slot is free again.
 *
 *   - a client that is neither late nor disturbed by one that is has its order carried out, not refused.
 *
 * The check word covers ticket and body together, so a copy whose body and check are not both the ticket's
 * is refused: that is taken for granted here.
 *
 * The word is state and ticket; a compare-and-swap is an atomic step. The ticket does not wrap here.
 */
#define CLIENTS 2

mtype = { FREE, CLAIMED, POSTED, RUNNING, DONE, ABANDONED };

mtype state = FREE;
byte ticket = 0;
byte body = 0, check = 0; /* both as the ticket of who wrote them */
byte answer = 0;
byte gone = 0;            /* clients done or dead */
bool late = false;        /* patience ended for somebody who was still writing */

inline swap(whose, from, to, won) {
	atomic {
		if
		:: state == from && ticket == whose -> state = to; won = true
		:: else -> won = false
		fi
	}
}

/* A client may die between any two steps. */
#define MAY_DIE if :: skip :: goto dead fi

proctype client(byte rounds) {
	byte mine, got, round = 0;
	bool won;

again:
	if
	:: round == rounds -> goto dead
	:: else -> round++
	fi;
	atomic { /* claim: the ticket goes up in the same word */
		if
		:: state == FREE -> ticket++; state = CLAIMED; mine = ticket
		:: else -> goto again
		fi
	}
	MAY_DIE;
	body = mine;
	MAY_DIE;
	check = mine;
	MAY_DIE;
	swap(mine, CLAIMED, POSTED, won);
	if
	:: !won -> goto again /* patience was over */
	:: else
	fi;
	MAY_DIE;
	do
	:: ticket != mine || state == FREE -> goto again /* the order is lost */
	:: ticket == mine && state == DONE ->
		got = answer;
		MAY_DIE;
		swap(mine, DONE, FREE, won);
		assert(!won || got == mine);
		goto again
	:: swap(mine, POSTED, FREE, won); /* gives up */
		if :: won -> goto again :: else fi;
		swap(mine, RUNNING, ABANDONED, won);
		if :: won -> goto again :: else fi
	od;
dead:
	gone++
}

proctype agent() {
	byte mine, copied;
	bool won;

	do
	:: state == POSTED ->
		atomic { mine = ticket; }
		swap(mine, POSTED, RUNNING, won);
		if
		:: won ->
			copied = body;
			if
			:: copied == mine && check == mine -> skip /* carried out */
			:: else -> assert(late)                    /* refused */
			fi;
			assert(ticket == mine && (state == RUNNING || state == ABANDONED));
			answer = mine;
			swap(mine, RUNNING, DONE, won);
			if
			:: won
			:: else ->
				swap(mine, ABANDONED, FREE, won);
				assert(won)
			fi
		:: else
		fi
	:: atomic { state == CLAIMED || state == DONE -> mine = ticket; won = (state == DONE) }
		if /* patience: freed as it was seen, or not at all */
		:: won -> swap(mine, DONE, FREE, won)
		:: else -> swap(mine, CLAIMED, FREE, won); late = late || won
		fi
	:: gone == CLIENTS && state == FREE -> break
	od
}

init {
	atomic {
		run agent();
		run client(2);
		run client(1)
	}
}
