// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The fake host: its domains and their memory, and what tests ask about them. Each domain's memory
 * is a sparse file of its own, so that every mapping of a frame shows the same bytes and a guest of
 * a terabyte costs nothing.
 */
#include "tests/fake/model.h"

#include <sys/mman.h>

struct fake_host fake_host = {
	.nr_cpus = 4,
	.total_pages = 1u << 20,
	.dom0_mb = 1024,
	.xen_minor = 17,
	.gic_version = 3,
	.has_acquire_resource = true,
	.console_ring = "(XEN) Xen version 4.17 (fake)\n",
	.dt_devices = { "/pl031@9010000", "/soc/uart@1000" },
};

const bool hv_host_is_arm = true;

static struct fake_state *state;

static void make_pool0(struct fake_state *s)
{
	s->pools[0] = (struct fake_pool){ .is_there = true, .sched = XEN_SCHEDULER_CREDIT2 };
	bitmap_fill(&s->pools[0].cpus, fake_host.nr_cpus);
	s->pools[0].credit2.ratelimit_us = 1000;
}

struct fake_state *fake(void)
{
	struct fake_domain *dom0;

	if (state)
		return state;
	state = xcalloc(1, sizeof(*state));
	list_init(&state->domains);
	list_init(&state->handles);
	state->free_pages = fake_host.total_pages;
	make_pool0(state);
	dom0 = fake_domain_add(0);
	dom0->max_vcpus = dom0->nr_vcpus = 2;
	dom0->vcpus = xcalloc(2, sizeof(*dom0->vcpus));
	dom0->tot_pages = (uint64_t)fake_host.dom0_mb << 8;
	dom0->max_pages = UINT64_MAX >> 12;
	dom0->nr_pauses = 0;
	dom0->is_created = true;
	dom0->max_port = FAKE_MAX_PORTS - 1;
	state->free_pages -= dom0->tot_pages;
	return state;
}

struct fake_domain *fake_domain(uint32_t domid)
{
	struct fake_domain *d;

	list_for_each_entry(d, &fake()->domains, link)
		if (d->domid == domid)
			return d;
	return NULL;
}

struct fake_domain *fake_domain_or_errno(uint32_t domid)
{
	struct fake_domain *d = fake_domain(domid);

	if (!d)
		errno = ESRCH;
	return d;
}

int fake_fail(int code)
{
	errno = code;
	return -1;
}

void fake_blame(const char *fmt, ...)
{
	va_list ap;

	if (fake()->violation[0])
		return;
	va_start(ap, fmt);
	vsnprintf(fake()->violation, sizeof(fake()->violation), fmt, ap);
	va_end(ap);
}

const char *fake_violation(void)
{
	return fake()->violation[0] ? fake()->violation : NULL;
}

/* --- domains ---------------------------------------------------------------------------------- */

static void *map_run(struct fake_domain *d, void *at, uint64_t gfn, size_t nr, int prot)
{
	int flags = MAP_SHARED | (at ? MAP_FIXED : 0);

	return mmap(at, nr * FAKE_PAGE, prot, flags, d->memfd, (off_t)(gfn * FAKE_PAGE));
}

struct fake_domain *fake_domain_add(uint32_t domid)
{
	struct fake_domain *d = xcalloc(1, sizeof(*d));
	struct list *pos = fake()->domains.prev;

	d->domid = domid;
	d->memfd = memfd_create("fake-domain", MFD_CLOEXEC);
	if (d->memfd >= 0 && ftruncate(d->memfd, 1ll << 44) == 0)
		d->grants = map_run(d, NULL, FAKE_GRANT_TABLE_GFN, 1, PROT_READ | PROT_WRITE);
	if (d->grants == NULL || d->grants == MAP_FAILED) {
		perror("fake: memory of a domain");
		abort();
	}
	d->tables = hash_new();
	d->bits = 64;
	d->nr_pauses = 1;
	d->grant_gfn = UINT64_MAX;
	d->credit2.weight = d->credit.weight = 256;
	d->target = DOMID_INVALID;
	d->pool_bytes = 16 * FAKE_PAGE;
	d->pool_used = 2;	/* the root */
	while (pos != &fake()->domains && list_entry(pos, struct fake_domain, link)->domid > domid)
		pos = pos->prev;
	list_insert_after(pos, &d->link);
	return d;
}

static void domain_free(struct fake_domain *d)
{
	list_del(&d->link);
	hash_free(d->tables);
	munmap(d->grants, FAKE_PAGE);
	close(d->memfd);
	free(d->vcpus);
	free(d->ram.v);
	free(d->dirty.v);
	free(d->iomem.v);
	free(d->mapped_iomem.v);
	free(d);
}

void fake_domain_destroy(struct fake_domain *d)
{
	if (d->is_dying)
		return;
	d->is_dying = true;
	fake_ports_close(d);
	for (size_t i = 0; i < array_size(fake()->dt_owner); i++)
		if (fake()->dt_owner[i] == d->domid)
			fake()->dt_owner[i] = 0;
	fake()->free_pages += d->tot_pages + d->pool_bytes / FAKE_PAGE;
	fake()->claimed_pages -= d->claimed_pages;
	if (d->is_kept)
		d->tot_pages = 0;
	else if (d->nr_maps == 0)
		domain_free(d);
	fake_virq(VIRQ_DOM_EXC);
}

void fake_domain_keep(uint32_t domid)
{
	fake_domain(domid)->is_kept = true;
}

void fake_domain_forget(uint32_t domid)
{
	domain_free(fake_domain(domid));
}

void fake_domain_put_maps(struct fake_domain *d, unsigned nr)
{
	d->nr_maps -= nr;
	if (d->is_dying && !d->is_kept && d->nr_maps == 0) {
		domain_free(d);
		fake_virq(VIRQ_DOM_EXC);
	}
}

/* --- memory ----------------------------------------------------------------------------------- */

static bool is_mappable(struct fake_domain *d, uint64_t gfn)
{
	return runs_have(&d->ram, gfn, 1) || gfn == d->grant_gfn || gfn == FAKE_GRANT_TABLE_GFN;
}

void *fake_map_frames(struct fake_domain *d, const xen_pfn_t *gfns, size_t nr, int prot, int *errs)
{
	char *base;

	for (size_t i = 0; i < nr; i++) {
		if (errs)
			errs[i] = is_mappable(d, gfns[i]) ? 0 : -EINVAL;
		if (!errs && !is_mappable(d, gfns[i])) {
			errno = EINVAL;
			return NULL;
		}
	}
	base = mmap(NULL, nr * FAKE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0, n; base != MAP_FAILED && i < nr; i += n) {
		uint64_t gfn = gfns[i] == d->grant_gfn ? FAKE_GRANT_TABLE_GFN : gfns[i];

		for (n = 1; i + n < nr && gfns[i + n] == gfns[i] + n && gfns[i] != d->grant_gfn &&
			    !(errs && errs[i] != errs[i + n]);
		     n++)
			;
		if (errs && errs[i])
			continue; /* whoever looks there is ended, as on Linux */
		if (map_run(d, base + i * FAKE_PAGE, gfn, n, prot) == MAP_FAILED) {
			perror("fake: mapping guest memory");
			abort();
		}
	}
	return base == MAP_FAILED ? NULL : base;
}

void *fake_guest_page(uint32_t domid, uint64_t gfn)
{
	struct fake_domain *d = fake_domain(domid);
	void *page = NULL;

	if (d && is_mappable(d, gfn))
		page = map_run(d, NULL, gfn, 1, PROT_READ | PROT_WRITE);
	return page == MAP_FAILED ? NULL : page;
}

void fake_guest_read(uint32_t domid, uint64_t gpa, void *buf, size_t len)
{
	struct fake_domain *d = fake_domain(domid);

	if (!d || pread(d->memfd, buf, len, (off_t)gpa) != (ssize_t)len)
		abort();
}

/* --- questions -------------------------------------------------------------------------------- */

bool fake_domain_exists(uint32_t domid)
{
	return fake_domain(domid);
}

bool fake_domain_is_paused(uint32_t domid)
{
	return fake_domain(domid) && fake_domain(domid)->nr_pauses > 0;
}

unsigned fake_nr_domains(void)
{
	struct fake_domain *d;
	unsigned n = 0;

	list_for_each_entry(d, &fake()->domains, link)
		n += d->domid != 0;
	return n;
}

uint64_t fake_guest_param(uint32_t domid, unsigned param)
{
	return fake_domain(domid)->params[param];
}

bool fake_guest_entry(uint32_t domid, struct fake_entry *out)
{
	struct fake_domain *d = fake_domain(domid);

	if (!d || d->nr_vcpus == 0 || !d->vcpus[0].is_initialised)
		return false;
	const vcpu_guest_context_t *c = &d->vcpus[0].ctx;

	*out = (struct fake_entry){ c->user_regs.pc64, c->user_regs.x0, c->user_regs.cpsr, c->sctlr,
				    c->flags & VGCF_online };
	return true;
}

void fake_guest_shutdown(uint32_t domid, unsigned reason)
{
	struct fake_domain *d = fake_domain(domid);

	d->is_shutdown = true;
	d->shutdown_reason = reason;
	fake_virq(VIRQ_DOM_EXC);
}

uint64_t fake_free_pages(void)
{
	return fake()->free_pages;
}

const char *fake_leftover(void)
{
	static char text[160];
	struct fake_state *s = fake();
	struct fake_domain *d;

	list_for_each_entry(d, &s->domains, link) {
		if (d->domid == 0)
			continue;
		snprintf(text, sizeof(text), "domain %u%s, %u mappings of it", d->domid,
			 d->is_dying ? " (a zombie)" : "", d->nr_maps);
		return text;
	}
	for (uint32_t port = 0; port < fake_domain(0)->port_end; port++) {
		struct fake_port *p = &fake_domain(0)->ports[port];

		if (p->state == PORT_BOUND && !fake_domain(p->remote_dom)) {
			snprintf(text, sizeof(text), "port %u of dom0", port);
			return text;
		}
	}
	for (size_t i = 0; i < array_size(s->dt_owner); i++)
		if (s->dt_owner[i])
			return fake_host.dt_devices[i];
	for (uint32_t i = 1; i < FAKE_MAX_POOLS; i++)
		if (s->pools[i].is_there)
			return "a cpupool";
	if (s->free_pages != fake_host.total_pages - ((uint64_t)fake_host.dom0_mb << 8))
		return "pages that nobody has";
	if (s->claimed_pages)
		return "a claim on pages";
	return NULL;
}

/* --- guests without a builder ----------------------------------------------------------------- */

uint32_t fake_domain_make(unsigned pages)
{
	struct fake_domain *d = fake_domain_add(++fake()->last_domid);

	d->cdf_flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
	d->max_vcpus = d->nr_vcpus = 1;
	d->vcpus = xcalloc(1, sizeof(*d->vcpus));
	d->max_pages = d->tot_pages = pages;
	d->max_port = 1023;
	d->is_created = true;
	d->nr_pauses = 0;
	runs_add(&d->ram, 0x40000, pages);
	fake()->free_pages -= pages + d->pool_bytes / FAKE_PAGE;
	return d->domid;
}

void fake_next_domid(uint32_t domid)
{
	fake()->last_domid = domid - 1;
}

void fake_domain_kill(uint32_t domid)
{
	fake_domain_destroy(fake_domain(domid));
}

uint32_t fake_port_make(uint32_t domid)
{
	return (uint32_t)fake_port_alloc(fake_domain(domid), 0);
}

void fake_grant(uint32_t domid, uint32_t ref, uint64_t gfn)
{
	fake_domain(domid)->grants[ref] =
		(grant_entry_v1_t){ GTF_permit_access, 0, (uint32_t)gfn };
}
