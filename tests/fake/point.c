// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Counts the fault points passed and fails the one that was chosen. Knows no fake.
 */
#include "tests/fake/point.h"

#include <errno.h>
#include <stddef.h>
#include "base/mem.h"

static unsigned count, nth_armed, errno_turn;
static enum fault_kind armed_kind;
static const char *failed;
static void (*call_fn)(void);
static unsigned call_nth;

void point_arm(unsigned nth, enum fault_kind kind, unsigned turn)
{
	count = 0;
	nth_armed = nth;
	armed_kind = kind;
	errno_turn = turn;
	failed = NULL;
}

bool point_disarm(void)
{
	nth_armed = 0;
	call_nth = 0;
	return failed != NULL;
}

const char *point_name(void)
{
	return failed ? failed : "none";
}

unsigned point_count(void)
{
	return count;
}

void point_call_at(unsigned nth, void (*fn)(void))
{
	count = 0;
	call_nth = nth;
	call_fn = fn;
}

int point_reached(const char *name)
{
	static const int codes[] = { ENOMEM, EPERM, EAGAIN, EBUSY, ENOSPC, EINVAL, EACCES };

	count++;
	if (call_nth && count == call_nth)
		call_fn();
	if (!nth_armed || count < nth_armed || (armed_kind == FAULT_TRANSIENT && count > nth_armed))
		return 0;
	if (!failed)
		failed = name;
	return codes[(nth_armed + errno_turn) % array_size(codes)];
}
