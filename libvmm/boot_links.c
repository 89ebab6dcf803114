// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Static event channels and static shared memory of a whole board. Source:
 * docs/misc/arm/device-tree/booting.txt of Xen 4.17 and 4.20, "Static Event Channel" and "Static
 * Shared Memory".
 */
#include "libvmm/boot_links.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "libvmm/dt_boot.h"
#include "libvmm/layout.h"

struct guests {
	struct vmm_config *const *v;
	size_t nr;
};

static const char *name_of(const struct guests *g, size_t i)
{
	return i == BOOT_DOM0 ? BOOT_DOM0_NAME : g->v[i]->name;
}

static int find(const struct guests *g, const char *name, size_t *i)
{
	for (*i = 0; *i < g->nr; (*i)++)
		if (strcmp(g->v[*i]->name, name) == 0)
			return 0;
	*i = BOOT_DOM0;
	return strcmp(name, BOOT_DOM0_NAME) == 0 ? 0 : -1;
}

/* --- event channels --------------------------------------------------------------------------- */

static bool is_at(const struct boot_end *e, size_t guest, uint32_t port)
{
	return e->guest == guest && e->port == port;
}

/* Both guests may name their channel: it is one. *is_known: it is there already. A port has one
 * other end. */
static int check_ports(const struct boot_links *l, const struct guests *g,
		       const struct boot_link *new, bool *is_known, struct err *err)
{
	*is_known = false;
	for (size_t i = 0; i < l->nr_links; i++) {
		const struct boot_end *ends[2] = { &l->links[i].a, &l->links[i].b };

		for (unsigned k = 0; k < 2; k++) {
			const struct boot_end *here = ends[k], *there = ends[!k];
			bool has_a = is_at(here, new->a.guest, new->a.port),
			     has_b = is_at(there, new->b.guest, new->b.port);

			if (has_a && has_b) {
				*is_known = true;
				return 0;
			}
			if (has_a || has_b) {
				const struct boot_end *e = has_a ? here : there;

				return err_set(err, EBUSY,
					       "static_evtchn: port %" PRIu32
					       " of '%s' is given twice",
					       e->port, name_of(g, e->guest));
			}
		}
	}
	return 0;
}

static int add_link(struct boot_links *l, const struct guests *g, size_t guest, const char *text,
		    struct err *err)
{
	struct boot_link new = { .a.guest = guest };
	autoevtchn struct boot_evtchn spec;
	bool is_known;

	if (boot_spec_evtchn(text, g->v[guest]->name, &spec, err) < 0)
		return -1;
	if (find(g, spec.peer, &new.b.guest) < 0)
		return err_set(err, ENOENT,
			       "%s: static_evtchn '%s': no guest of this board is called '%s'",
			       g->v[guest]->name, text, spec.peer);
	new.a.port = spec.port;
	new.b.port = spec.peer_port;
	if (check_ports(l, g, &new, &is_known, err) < 0)
		return -1;
	if (is_known)
		return 0;
	if (new.b.guest < new.a.guest) {
		const struct boot_end b = new.b;

		new.b = new.a;
		new.a = b;
	}
	l->links = xreallocarray(l->links, l->nr_links + 1, sizeof(*l->links));
	l->links[l->nr_links++] = new;
	return 0;
}

/* One order for one board, however its files say it. */
static int compare_links(const void *va, const void *vb)
{
	const struct boot_end *a = &((const struct boot_link *)va)->a,
			      *b = &((const struct boot_link *)vb)->a;

	if (a->guest != b->guest)
		return a->guest < b->guest ? -1 : 1;
	return a->port < b->port ? -1 : a->port > b->port;
}

static int compare_shares(const void *va, const void *vb)
{
	const struct boot_share *a = va, *b = vb;

	if (a->guest != b->guest)
		return a->guest < b->guest ? -1 : 1;
	return strcmp(a->shm.id, b->shm.id);
}

/* --- shared memory ---------------------------------------------------------------------------- */

static int check_share(const struct boot_links *l, const struct guests *g,
		       const struct boot_share *new, struct err *err)
{
	for (size_t i = 0; i < l->nr_shares; i++) {
		const struct boot_share *old = &l->shares[i];
		const char *a = name_of(g, old->guest), *b = name_of(g, new->guest);

		if (strcmp(old->shm.id, new->shm.id) != 0)
			continue;
		if (old->guest == new->guest)
			return err_set(err, EEXIST, "%s: static_shm '%s' is there twice", a,
				       new->shm.id);
		if (old->shm.size != new->shm.size ||
		    (old->shm.has_host && new->shm.has_host && old->shm.host != new->shm.host))
			return err_set(
				err, EINVAL,
				"static_shm '%s': '%s' and '%s' do not agree on its size or place",
				new->shm.id, a, b);
		if (old->shm.is_owner && new->shm.is_owner)
			return err_set(err, EINVAL, "static_shm '%s': both '%s' and '%s' own it",
				       new->shm.id, a, b);
	}
	return 0;
}

static int add_share(struct boot_links *l, const struct guests *g, size_t guest, const char *text,
		     struct err *err)
{
	struct boot_share new = { .guest = guest };

	if (boot_spec_shm(text, g->v[guest]->name, &new.shm, err) < 0 ||
	    check_share(l, g, &new, err) < 0)
		return -1;
	l->shares = xreallocarray(l->shares, l->nr_shares + 1, sizeof(*l->shares));
	l->shares[l->nr_shares++] = new;
	return 0;
}

int boot_links_add_rings(struct boot_links *l, struct vmm_config *const *guests, size_t nr,
			 struct err *err)
{
	const struct guests g = { guests, nr };

	for (size_t i = 0; i < nr; i++) {
		/* Where the RAM of a guest with direct_map lies, nobody else's pages fit. */
		autofree char *spec =
			str_printf("id=" DT_BOOT_RINGS "%zu,address=0x%llx,size=%u,role=owner",
				   i + 1, LAYOUT_MAGIC, NR_MAGIC * 4096u);

		if (guests[i]->static_mem.n && !guests[i]->direct_map &&
		    add_share(l, &g, i, spec, err) < 0)
			return -1;
	}
	return 0;
}

/* One place for all who share it: as one of them says, or where there is room. */
static int place_share(struct boot_links *l, size_t first, struct boot_map *map, struct err *err)
{
	struct boot_shm *shm = &l->shares[first].shm;
	char what[48];

	snprintf(what, sizeof(what), "static_shm '%s'", shm->id);
	for (size_t i = first; i < l->nr_shares && !shm->has_host; i++)
		if (strcmp(l->shares[i].shm.id, shm->id) == 0 && l->shares[i].shm.has_host) {
			shm->host = l->shares[i].shm.host;
			shm->has_host = true;
		}
	if (shm->has_host ? boot_claim(map, shm->host, shm->size, what, err) < 0 :
			    boot_place(map, shm->size, what, &shm->host, err) < 0)
		return -1;
	for (size_t i = first; i < l->nr_shares; i++)
		if (strcmp(l->shares[i].shm.id, shm->id) == 0) {
			l->shares[i].shm.host = shm->host;
			l->shares[i].shm.has_host = true;
		}
	return 0;
}

static bool is_first(const struct boot_links *l, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(l->shares[k].shm.id, l->shares[i].shm.id) == 0)
			return false;
	return true;
}

int boot_links_collect(struct boot_links *l, struct vmm_config *const *guests, size_t nr,
		       struct boot_map *map, uint32_t *phandle, struct err *err)
{
	const struct guests g = { guests, nr };

	for (size_t i = 0; i < nr; i++) {
		for (size_t k = 0; k < guests[i]->static_evtchn.n; k++)
			if (add_link(l, &g, i, guests[i]->static_evtchn.v[k], err) < 0)
				return -1;
		for (size_t k = 0; k < guests[i]->static_shm.n; k++)
			if (add_share(l, &g, i, guests[i]->static_shm.v[k], err) < 0)
				return -1;
	}
	if (l->nr_links)
		qsort(l->links, l->nr_links, sizeof(*l->links), compare_links);
	if (l->nr_shares)
		qsort(l->shares, l->nr_shares, sizeof(*l->shares), compare_shares);
	for (size_t i = 0; i < l->nr_links; i++) {
		l->links[i].a.phandle = (*phandle)++;
		l->links[i].b.phandle = (*phandle)++;
	}
	for (size_t i = 0; i < l->nr_shares; i++)
		if (is_first(l, i) && place_share(l, i, map, err) < 0)
			return -1;
	return 0;
}

/* --- nodes ------------------------------------------------------------------------------------ */

static void emit_end(struct boot_emit *e, const struct boot_end *here, const struct boot_end *there)
{
	const uint32_t cells[2] = { here->port, there->phandle };
	char name[32];

	snprintf(name, sizeof(name), "evtchn-%" PRIu32, here->port);
	boot_emit_begin(e, name);
	boot_emit_str(e, "compatible", "xen,evtchn-v1");
	boot_emit_cells(e, "xen,evtchn", cells, 2);
	boot_emit_u32(e, "phandle", here->phandle);
	boot_emit_end(e);
}

static void emit_share(struct boot_emit *e, const struct boot_shm *s, uint64_t address,
		       const char *role)
{
	const uint32_t cells[6] = { (uint32_t)(s->host >> 32), (uint32_t)s->host,
				    (uint32_t)(address >> 32), (uint32_t)address,
				    (uint32_t)(s->size >> 32), (uint32_t)s->size };
	char name[32];

	snprintf(name, sizeof(name), "shm-%s", s->id);
	boot_emit_begin(e, name);
	boot_emit_str(e, "compatible", "xen,domain-shared-memory-v1");
	boot_emit_str(e, "xen,shm-id", s->id);
	boot_emit_cells(e, "xen,shared-mem", cells, 6);
	if (role)
		boot_emit_str(e, "role", role);
	boot_emit_end(e);
}

void boot_links_emit(const struct boot_links *l, size_t guest, struct boot_emit *e)
{
	for (size_t i = 0; i < l->nr_links; i++) {
		if (l->links[i].a.guest == guest)
			emit_end(e, &l->links[i].a, &l->links[i].b);
		if (l->links[i].b.guest == guest)
			emit_end(e, &l->links[i].b, &l->links[i].a);
	}
	for (size_t i = 0; i < l->nr_shares; i++) {
		const struct boot_shm *s = &l->shares[i].shm;

		if (l->shares[i].guest == guest)
			emit_share(e, s, s->address,
				   !s->has_role  ? NULL
				   : s->is_owner ? "owner"
						 : "borrower");
		/* dom0's addresses are the machine's. */
		else if (guest == BOOT_DOM0 && s->with_dom0)
			emit_share(e, s, s->host, NULL);
	}
}

bool boot_links_share_with_dom0(const struct boot_links *l)
{
	for (size_t i = 0; i < l->nr_shares; i++)
		if (l->shares[i].shm.with_dom0)
			return true;
	return false;
}

void boot_links_free(struct boot_links *l)
{
	free(l->links);
	free(l->shares);
	*l = (struct boot_links){ NULL, 0, NULL, 0 };
}
