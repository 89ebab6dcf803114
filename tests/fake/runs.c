// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sets of frame numbers as runs. Small sets, so a plain array in no order serves.
 */
#include "tests/fake/model.h"

void runs_add(struct fake_runs *r, uint64_t gfn, uint64_t nr)
{
	if (r->n > 0 && r->v[r->n - 1].gfn + r->v[r->n - 1].nr == gfn) {
		r->v[r->n - 1].nr += nr;
		return;
	}
	r->v = xreallocarray(r->v, r->n + 1, sizeof(*r->v));
	r->v[r->n++] = (struct fake_run){ gfn, nr };
}

void runs_del(struct fake_runs *r, uint64_t gfn, uint64_t nr)
{
	uint64_t end = gfn + nr;

	for (size_t i = 0; i < r->n;) {
		struct fake_run old = r->v[i];
		uint64_t old_end = old.gfn + old.nr;

		if (old_end <= gfn || old.gfn >= end) {
			i++;
			continue;
		}
		r->v[i] = r->v[--r->n];
		/* What stays on either side is appended, and does not touch the range again. */
		if (old.gfn < gfn)
			runs_add(r, old.gfn, gfn - old.gfn);
		if (old_end > end)
			runs_add(r, end, old_end - end);
	}
}

bool runs_touch(const struct fake_runs *r, uint64_t gfn, uint64_t nr)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].gfn < gfn + nr && gfn < r->v[i].gfn + r->v[i].nr)
			return true;
	return false;
}

bool runs_have(const struct fake_runs *r, uint64_t gfn, uint64_t nr)
{
	while (nr > 0) {
		size_t i = 0;

		while (i < r->n && (gfn < r->v[i].gfn || gfn >= r->v[i].gfn + r->v[i].nr))
			i++;
		if (i == r->n)
			return false;
		uint64_t here = r->v[i].gfn + r->v[i].nr - gfn;

		if (here >= nr)
			return true;
		gfn += here;
		nr -= here;
	}
	return true;
}
