/*
 * Posted interrupts: vmx/posted.c, vmx/apicv.c, vmx/ipiv.c and vm/run.c as far as a vCPU's thread and those who post to it must
 * agree. Checked with spin by tests/tools/models.test; docs/apicv.md explains the states.
 *
 * Each step below is one atomic operation of the code, or one of the hardware. Two posters post a vector each, again
 * and again, both by software, or, where there is IPI virtualization, one of them by hardware; the vCPU's thread enters
 * and leaves guest mode, halts, is preempted and moved between two CPUs as often as its budgets allow, at any point. Then:
 *   nothing is lost      a poster waits until its vector was handled: it would wait for ever, an invalid end state
 *   nothing is spurious  a handler runs only for what was posted, once: assertions
 *   no needless look     where the vCPU is in the guest, a post takes no exit: an assertion
 *
 * Words that break it, one at a time, each a mistake that the code could have:
 *   LOOK_THEN_SUPPRESS  a halting vCPU looks for work before posters are told to wake it
 *   FORGET_ON           a notification to where it was before is not made good
 *   FORGET_QUIET        what hardware posted while SN was set is not looked at
 *   FORGET_NOTIFIED     a notification that comes while the guest does not run is dropped
 *   ON_FIRST            ON is set before the request
 *   TAKE_FIRST          the requests are taken before ON is cleared
 *   STALE_CPU           a moved vCPU does not say where it is
 *   NOT_LISTED          a vCPU that sleeps is not among those that the wake-up vector is for
 *   SLEEPS_AWAY         one that sleeps says that it is away when it leaves its CPU, where hardware posts
 */
#define POSTERS 2
#ifndef POSTS
#define POSTS   1
#endif
#define EXITS   1	/* that have nothing to do with interrupts */
#define HALTS   1
#define MOVES   1	/* preemptions, each onto any CPU */
#define NOWHERE 2

/* There is IPI virtualization: the second poster is hardware. Any of the two, from the start. */
bool ipiv, chosen;

/* The descriptor. */
bool pir[POSTERS];
bool on;
bool sn = true;
bool waking;		/* NV is the wake-up vector, not the notification's */
byte ndst;
byte list = NOWHERE;	/* among whose sleepers it is */

/* The page, and what the guest saw. */
bool irr[POSTERS];
byte posted[POSTERS], handled[POSTERS];

/* The vCPU's thread, and its port. */
bool request;		/* REQ_EVENT */
bool recheck;
bool blocked, wake_pending;
byte cpu = NOWHERE;	/* where it runs */
bool irqs_off, in_guest, halted, asleep;

/* Interrupts on their way to a CPU: the notification, the wake-up, and the one that ends a guest's run. */
bool notification[2], wake_up[2], resched[2];

byte exits, halts, moves;

/* posted_take(), and the same by hardware in the guest. */
inline take()
{
#ifdef TAKE_FIRST
	d_step { irr[0] = irr[0] || pir[0]; pir[0] = false; }
	d_step { irr[1] = irr[1] || pir[1]; pir[1] = false; }
	on = false;
#else
	on = false;
	d_step { irr[0] = irr[0] || pir[0]; pir[0] = false; }
	d_step { irr[1] = irr[1] || pir[1]; pir[1] = false; }
#endif
}

/* sync() */
inline sync()
{
	if
	:: on -> take()
	:: else
	fi
}

/* posted_suppress(), posted_listen() */
inline suppress()
{
	sn = true
}

/* listen(): w is whether its thread is to be woken. */
inline listen(w)
{
#ifndef NOT_LISTED
	list = (w -> cpu : NOWHERE);
#endif
	d_step {
#ifndef FORGET_ON
		recheck = recheck || on;
#endif
		sn = false;
		waking = w;
#ifndef STALE_CPU
		ndst = cpu;
#endif
	}
#ifndef FORGET_QUIET
	if
	:: ipiv && (pir[0] || pir[1]) -> on = true; recheck = true
	:: else
	fi
#endif
}

/* sleep() */
inline fall_asleep()
{
	if
	:: ipiv -> asleep = true; listen(true)
	:: else -> suppress()
	fi
}

inline wake_up_again()
{
	if
	:: ipiv -> asleep = false; listen(false)
	:: else -> sn = false
	fi
}

/* The thread is on no CPU, and comes onto one. */
inline come()
{
	if
	:: cpu = 0
	:: cpu = 1
	fi;
	if
	:: asleep		/* it wakes, and listens then */
	:: else -> listen(false)
	fi
}

inline leave()
{
#ifdef SLEEPS_AWAY
	suppress();
#else
	if
	:: asleep
	:: else -> suppress()
	fi;
#endif
	cpu = NOWHERE;
}

/* thread_block() */
inline block()
{
	if
	:: d_step { wake_pending -> wake_pending = false }
	:: d_step { !wake_pending -> blocked = true };
	   leave();
end_asleep:
	   !blocked;
	   come()
	fi
}

/* halt() */
inline halt()
{
#ifdef LOOK_THEN_SUPPRESS
	sync();
	if
	:: irr[0] || irr[1] -> halted = false; recheck = true
	:: else -> fall_asleep(); block()
	fi;
#else
	fall_asleep();
	sync();
	if
	:: irr[0] || irr[1] -> halted = false; recheck = true
	:: else -> block()
	fi;
#endif
	wake_up_again()
}

active proctype vcpu()
{
	if
	:: ipiv = true
	:: ipiv = false
	fi;
	chosen = true;
	come();
end:
	do
	:: !in_guest && moves < MOVES -> moves++; leave(); come()
	:: !in_guest && halted && !request -> halt()
	:: !in_guest && request -> request = false; recheck = true
	:: !in_guest && !halted ->
		/* vcpu_run(), from irq_disable() on: with interrupts off. */
		irqs_off = true;
		if
		:: request -> irqs_off = false
		:: else ->
			if
			:: recheck -> recheck = false; sync()
			:: else
			fi;
			d_step { in_guest = true; irqs_off = false }
		fi
	:: in_guest && notification[cpu] ->
		/* Hardware: no exit. */
		notification[cpu] = false;
		take()
	:: in_guest && wake_up[cpu] -> in_guest = false
	:: in_guest && resched[cpu] -> d_step { resched[cpu] = false; in_guest = false }
	:: in_guest && irr[0] -> d_step { irr[0] = false; handled[0]++; assert(handled[0] <= posted[0]) }
	:: in_guest && irr[1] -> d_step { irr[1] = false; handled[1]++; assert(handled[1] <= posted[1]) }
	:: in_guest && exits < EXITS -> d_step { exits++; in_guest = false }
	:: in_guest && !irr[0] && !irr[1] && halts < HALTS -> d_step { halts++; in_guest = false; halted = true }
	od
}

/* vcpu_request() and thread_wake(), in one step: what is between them is looked at with the posters. */
inline ask()
{
	request = true;
	if
	:: blocked -> blocked = false
	:: !blocked && cpu != NOWHERE -> wake_pending = true; resched[cpu] = true
	:: else -> wake_pending = true
	fi
}

/* What a CPU does with interrupts while no guest runs there, or another's: on_notification(). */
active [2] proctype host()
{
	byte me = _pid - 1;

end:
	do
	:: atomic { notification[me] && !(cpu == me && (in_guest || irqs_off)) ->
		notification[me] = false;
#ifndef FORGET_NOTIFIED
		if
		:: cpu == me -> request = true
		:: else
		fi
#endif
	   }
	:: atomic { wake_up[me] && !(cpu == me && (in_guest || irqs_off)) ->
		wake_up[me] = false;
		if
		:: list == me && on -> ask()
		:: else
		fi
	   }
	:: atomic { resched[me] && !(cpu == me && (in_guest || irqs_off)) -> resched[me] = false }
	od
}

#define HARDWARE (ipiv && me == 1)

/* posted_post(), and what follows it; or what hardware does. */
active [POSTERS] proctype poster()
{
	byte me = _pid - 3, to;
	bool was_on, was_asleep;

	chosen;
	do
	:: posted[me] < POSTS ->
		posted[me]++;
#ifndef ON_FIRST
		pir[me] = true;
#endif
		if
		:: !HARDWARE -> d_step { was_on = on; was_asleep = sn || waking; to = ndst; on = true; assert(!(was_asleep && in_guest)) }
		:: HARDWARE -> d_step { was_on = on || sn; was_asleep = waking; to = ndst; on = on || !sn; assert(!(was_asleep && in_guest)) }
		fi;
#ifdef ON_FIRST
		pir[me] = true;
#endif
		if
		:: was_on
		:: !was_on && was_asleep && !HARDWARE ->
			request = true;
			atomic {
				if
				:: blocked -> blocked = false
				:: !blocked && cpu != NOWHERE -> wake_pending = true; resched[cpu] = true
				:: else -> wake_pending = true
				fi
			}
		:: !was_on && was_asleep && HARDWARE -> wake_up[to] = true
		:: !was_on && !was_asleep -> notification[to] = true
		fi;
		d_step { was_on = false; was_asleep = false; to = 0 };	/* fewer states */
		handled[me] == posted[me]	/* for ever, if it was lost */
	:: else -> break
	od
}
