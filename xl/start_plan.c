// SPDX-License-Identifier: LGPL-2.1-or-later
/* The order in which guests start, from what each says it waits for. Pure: tests need nothing but
 * this file. */
#include "xl/start_plan.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static size_t find(const struct start_plan *p, const char *name)
{
	for (size_t i = 0; i < p->nr; i++)
		if (strcmp(p->guests[i].name, name) == 0)
			return i;
	return START_OUTSIDE;
}

int start_plan_add(struct start_plan *p, const char *name, struct err *err)
{
	if (find(p, name) != START_OUTSIDE)
		return err_set(err, EEXIST, "two guests are called '%s'", name);
	p->guests = xreallocarray(p->guests, p->nr + 1, sizeof(*p->guests));
	p->guests[p->nr++] = (struct start_guest){ .name = xstrdup(name) };
	return 0;
}

static int parse_condition(struct start_dep *d, const char *text, const char *spec, struct err *err)
{
	static const char store[] = "store=", console[] = "console=";

	if (str_starts(text, store)) {
		d->condition = START_STORE;
		d->arg = xstrdup(text + strlen(store));
	} else if (str_starts(text, console)) {
		d->condition = START_CONSOLE;
		d->arg = xstrdup(text + strlen(console));
	}
	if (!d->arg || !*d->arg)
		return err_set(
			err, EINVAL,
			"start_after: '%s': what follows the name is store=NODE or console=TEXT",
			spec);
	return 0;
}

int start_plan_after(struct start_plan *p, const char *spec, struct err *err)
{
	struct start_guest *g = &p->guests[p->nr - 1];
	const char *colon = strchr(spec, ':');
	size_t len = colon ? (size_t)(colon - spec) : strlen(spec);
	struct start_dep *d;

	if (!len)
		return err_set(err, EINVAL, "start_after: '%s' begins with no name", spec);
	g->deps = xreallocarray(g->deps, g->nr_deps + 1, sizeof(*g->deps));
	d = &g->deps[g->nr_deps++];
	*d = (struct start_dep){ .on = START_OUTSIDE,
				 .name = xstrndup(spec, len),
				 .condition = START_RUNNING };
	return colon ? parse_condition(d, colon + 1, spec, err) : 0;
}

/* The names along a circle: from any guest without a wave its first unresolved dependency leads on,
 * and at last round. */
static int report_circle(const struct start_plan *p, const bool *is_placed, struct err *err)
{
	autostrbuf struct strbuf names = STRBUF_INIT;
	size_t at = 0, first = 0;

	while (is_placed[at])
		at++;
	for (size_t step = 0, pass = 0; pass < 2; step++) {
		const struct start_guest *g = &p->guests[at];

		/* After as many steps as there are guests it is on the circle: go round once more,
		 * with names. */
		if (step == p->nr) {
			first = at;
			pass = 1;
			strbuf_printf(&names, "'%s'", g->name);
		}
		for (size_t i = 0; i < g->nr_deps; i++)
			if (g->deps[i].on != START_OUTSIDE && !is_placed[g->deps[i].on]) {
				at = g->deps[i].on;
				break;
			}
		if (pass == 1) {
			strbuf_printf(&names, " after '%s'", p->guests[at].name);
			if (at == first)
				break;
		}
	}
	return err_set(err, ELOOP, "start_after goes round in a circle: %s", names.data);
}

/* A guest can be placed when all it waits for are; its wave is one behind the latest of them. */
static bool place(struct start_plan *p, size_t i, const bool *is_placed)
{
	struct start_guest *g = &p->guests[i];
	unsigned wave = 0;

	for (size_t k = 0; k < g->nr_deps; k++) {
		size_t on = g->deps[k].on;

		if (on == START_OUTSIDE)
			continue;
		if (!is_placed[on])
			return false;
		if (p->guests[on].wave + 1 > wave)
			wave = p->guests[on].wave + 1;
	}
	g->wave = wave;
	return true;
}

int start_plan_finish(struct start_plan *p, struct err *err)
{
	autofree bool *is_placed = xcalloc(p->nr ? p->nr : 1, sizeof(*is_placed));
	size_t nr_placed = 0, before;

	for (size_t i = 0; i < p->nr; i++)
		for (size_t k = 0; k < p->guests[i].nr_deps; k++)
			p->guests[i].deps[k].on = find(p, p->guests[i].deps[k].name);
	do {
		before = nr_placed;
		for (size_t i = 0; i < p->nr; i++)
			if (!is_placed[i] && place(p, i, is_placed)) {
				is_placed[i] = true;
				nr_placed++;
			}
	} while (nr_placed > before);
	return nr_placed == p->nr ? 0 : report_circle(p, is_placed, err);
}

void start_plan_free(struct start_plan *p)
{
	for (size_t i = 0; i < p->nr; i++) {
		struct start_guest *g = &p->guests[i];

		for (size_t k = 0; k < g->nr_deps; k++) {
			free(g->deps[k].name);
			free(g->deps[k].arg);
		}
		free(g->deps);
		free(g->name);
	}
	free(p->guests);
	p->guests = NULL;
	p->nr = 0;
}
