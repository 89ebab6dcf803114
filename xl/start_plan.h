/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XL_START_PLAN_H
#define XL_START_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

/*
 * In which order guests start: each names what must be up before it (start_after). A pure function
 * of names and conditions; it knows no Xen and no files.
 */

enum start_condition { START_RUNNING, START_STORE, START_CONSOLE };

struct start_dep {
	size_t on; /* index of the guest, or START_OUTSIDE: one that is not in the plan */
	char *name;			/* owned */
	enum start_condition condition;
	char *arg;			/* NODE or TEXT; owned, NULL for START_RUNNING */
};
#define START_OUTSIDE ((size_t)-1)

struct start_guest {
	char *name;			/* owned */
	struct start_dep *deps;		/* owned */
	size_t nr_deps;
	unsigned wave; /* 0: waits for nobody in the plan; else one more than the latest it waits
			  for */
};

struct start_plan {
	struct start_guest *guests;
	size_t nr;
};

/* Guests are added in the order in which equals start. `name` is copied. EEXIST: there is one with
 * that name. */
int start_plan_add(struct start_plan *p, const char *name, struct err *err) must_check;
/* What the last one added waits for: "NAME", "NAME:store=NODE", "NAME:console=TEXT". */
int start_plan_after(struct start_plan *p, const char *spec, struct err *err) must_check;
/* Resolve names, find circles (ELOOP, with the names along it), number the waves. */
int start_plan_finish(struct start_plan *p, struct err *err) must_check;
void start_plan_free(struct start_plan *p);

#endif
