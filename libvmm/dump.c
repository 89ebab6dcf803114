// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A domain's memory and registers as an ELF core that gdb and crash open: one PT_LOAD a bank of
 * RAM, with guest-physical addresses as both addresses (nothing here knows the guest's page
 * tables), one NT_PRSTATUS a started vcpu. Pages of zeros, and pages the guest gave back, are holes
 * in the file.
 *
 * Sources: the ELF specification; Linux's struct elf_prstatus for the layout of the notes;
 * public/arch-arm.h for how Xen numbers the registers of a 32-bit guest.
 */
#include "libvmm/internal.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/config.h"
#include "libvmm/layout.h"

#define CHUNK_PAGES 512u
#define STEP_BYTES (256ull << 20)
#define MAX_BANKS 2
#define PRSTATUS64_SIZE 392u
#define PRSTATUS64_PID 32u
#define PRSTATUS64_REGS 112u
#define PRSTATUS32_SIZE 148u
#define PRSTATUS32_PID 24u
#define PRSTATUS32_REGS 72u
#define NOTE_NAME "CORE"
#define MODE32_BIT 0x10u	/* in cpsr: the vcpu runs 32-bit code */

struct dump {
	struct vmm *vmm;
	struct hv *hv;
	uint32_t domid;
	const char *path;
	int fd;
	bool is_64bit;
	struct layout_range bank[MAX_BANKS];
	unsigned nr_banks;
	struct strbuf notes;
};

/* --- notes ------------------------------------------------------------------------------------ */

static void add_note(struct strbuf *b, uint32_t type, const void *desc, uint32_t size)
{
	static const char zeros[4];
	Elf64_Nhdr hdr = { .n_namesz = sizeof(NOTE_NAME), .n_descsz = size, .n_type = type };
	size_t name_pad = num_align_up(sizeof(NOTE_NAME), 4) - sizeof(NOTE_NAME);

	/* Both classes have the same header and four-byte alignment. */
	strbuf_addn(b, &hdr, sizeof(hdr));
	strbuf_addn(b, NOTE_NAME, sizeof(NOTE_NAME));
	strbuf_addn(b, zeros, name_pad);
	strbuf_addn(b, desc, size);
	strbuf_addn(b, zeros, num_align_up(size, 4) - size);
}

static void note64(struct strbuf *b, uint32_t vcpu, const struct hv_vcpu_regs *r)
{
	uint8_t desc[PRSTATUS64_SIZE] = { 0 };
	uint64_t regs[34];
	uint32_t pid = vcpu + 1;

	memcpy(regs, r->x, sizeof(r->x));
	/* EL1 with its own stack pointer, or anything that uses EL0's. */
	regs[31] = (r->cpsr & 0xf) == 5 ? r->sp_el1 : r->sp_el0;
	regs[32] = r->pc;
	regs[33] = r->cpsr;
	memcpy(desc + PRSTATUS64_PID, &pid, sizeof(pid));
	memcpy(desc + PRSTATUS64_REGS, regs, sizeof(regs));
	add_note(b, NT_PRSTATUS, desc, sizeof(desc));
}

/* Where the banked sp and lr of a 32-bit mode stand among x[0..30]. */
static void banked(uint32_t mode, unsigned *sp, unsigned *lr)
{
	switch (mode & 0x1f) {
	case 0x11: *sp = 29, *lr = 30; break;	/* fiq */
	case 0x12: *sp = 17, *lr = 16; break;	/* irq */
	case 0x13: *sp = 19, *lr = 18; break;	/* svc */
	case 0x17: *sp = 21, *lr = 20; break;	/* abt */
	case 0x1b: *sp = 23, *lr = 22; break;	/* und */
	default: *sp = 13, *lr = 14; break;	/* usr, sys */
	}
}

static void note32(struct strbuf *b, uint32_t vcpu, const struct hv_vcpu_regs *r)
{
	uint8_t desc[PRSTATUS32_SIZE] = { 0 };
	bool is_fiq = (r->cpsr & 0x1f) == 0x11;
	uint32_t regs[18], pid = vcpu + 1;
	unsigned sp, lr;

	banked((uint32_t)r->cpsr, &sp, &lr);
	for (unsigned i = 0; i < 13; i++)
		regs[i] = (uint32_t)r->x[is_fiq && i >= 8 ? 24 + i - 8 : i];
	regs[13] = (uint32_t)r->x[sp];
	regs[14] = (uint32_t)r->x[lr];
	regs[15] = (uint32_t)r->pc;
	regs[16] = (uint32_t)r->cpsr;
	regs[17] = regs[0];
	memcpy(desc + PRSTATUS32_PID, &pid, sizeof(pid));
	memcpy(desc + PRSTATUS32_REGS, regs, sizeof(regs));
	add_note(b, NT_PRSTATUS, desc, sizeof(desc));
}

static int collect_notes(struct dump *d, uint32_t nr_vcpus, struct err *err)
{
	struct hv_vcpu_regs regs;
	struct err why = ERR_INIT;

	d->is_64bit = true;
	for (uint32_t v = 0; v < nr_vcpus; v++) {
		/* A vcpu that never ran has no registers to show. */
		if (hv_vcpu_regs(d->hv, d->domid, v, &regs, &why) < 0) {
			if (why.code != ENODATA && why.code != EINVAL)
				return err_set(err, why.code, "%s", why.msg);
			continue;
		}
		if (v == 0)
			d->is_64bit = !(regs.cpsr & MODE32_BIT);
		if (d->is_64bit)
			note64(&d->notes, v, &regs);
		else
			note32(&d->notes, v, &regs);
	}
	return 0;
}

/* --- headers ---------------------------------------------------------------------------------- */

static void ident(unsigned char *e, unsigned char class)
{
	memcpy(e, ELFMAG, SELFMAG);
	e[EI_CLASS] = class;
	e[EI_DATA] = ELFDATA2LSB;
	e[EI_VERSION] = EV_CURRENT;
}

static uint64_t memory_offset(const struct dump *d)
{
	uint64_t headers = d->is_64bit
				   ? sizeof(Elf64_Ehdr) + (1 + d->nr_banks) * sizeof(Elf64_Phdr)
				   : sizeof(Elf32_Ehdr) + (1 + d->nr_banks) * sizeof(Elf32_Phdr);

	return num_align_up(headers + d->notes.len, HV_PAGE_SIZE);
}

static void headers64(const struct dump *d, struct strbuf *b)
{
	Elf64_Ehdr eh = { .e_type = ET_CORE,
			  .e_machine = EM_AARCH64,
			  .e_version = EV_CURRENT,
			  .e_phoff = sizeof(eh),
			  .e_ehsize = sizeof(eh),
			  .e_phentsize = sizeof(Elf64_Phdr),
			  .e_phnum = (Elf64_Half)(1 + d->nr_banks) };
	Elf64_Phdr ph = { .p_type = PT_NOTE,
			  .p_offset = sizeof(eh) + (1 + d->nr_banks) * sizeof(ph),
			  .p_filesz = d->notes.len,
			  .p_memsz = d->notes.len };
	uint64_t offset = memory_offset(d);

	ident(eh.e_ident, ELFCLASS64);
	strbuf_addn(b, &eh, sizeof(eh));
	strbuf_addn(b, &ph, sizeof(ph));
	for (unsigned i = 0; i < d->nr_banks; i++) {
		const struct layout_range *r = &d->bank[i];

		ph = (Elf64_Phdr){ .p_type = PT_LOAD,
				   .p_flags = PF_R | PF_W | PF_X,
				   .p_offset = offset,
				   .p_vaddr = r->base,
				   .p_paddr = r->base,
				   .p_filesz = r->size,
				   .p_memsz = r->size,
				   .p_align = HV_PAGE_SIZE };
		strbuf_addn(b, &ph, sizeof(ph));
		offset += r->size;
	}
}

static int headers32(const struct dump *d, struct strbuf *b, struct err *err)
{
	Elf32_Ehdr eh = { .e_type = ET_CORE,
			  .e_machine = EM_ARM,
			  .e_version = EV_CURRENT,
			  .e_phoff = sizeof(eh),
			  .e_ehsize = sizeof(eh),
			  .e_phentsize = sizeof(Elf32_Phdr),
			  .e_phnum = (Elf32_Half)(1 + d->nr_banks) };
	Elf32_Phdr ph = { .p_type = PT_NOTE,
			  .p_offset = sizeof(eh) + (1 + d->nr_banks) * sizeof(ph),
			  .p_filesz = (Elf32_Word)d->notes.len,
			  .p_memsz = (Elf32_Word)d->notes.len };
	uint64_t offset = memory_offset(d);

	ident(eh.e_ident, ELFCLASS32);
	strbuf_addn(b, &eh, sizeof(eh));
	strbuf_addn(b, &ph, sizeof(ph));
	for (unsigned i = 0; i < d->nr_banks; i++) {
		const struct layout_range *r = &d->bank[i];

		if (r->base + r->size > UINT32_MAX || offset + r->size > UINT32_MAX)
			return err_set(err, EFBIG,
				       "a 32-bit core holds guest memory below 4 GiB only, the "
				       "guest has some at "
				       "0x%" PRIx64,
				       r->base);
		ph = (Elf32_Phdr){ .p_type = PT_LOAD,
				   .p_flags = PF_R | PF_W | PF_X,
				   .p_offset = (Elf32_Off)offset,
				   .p_vaddr = (Elf32_Addr)r->base,
				   .p_paddr = (Elf32_Addr)r->base,
				   .p_filesz = (Elf32_Word)r->size,
				   .p_memsz = (Elf32_Word)r->size,
				   .p_align = HV_PAGE_SIZE };
		strbuf_addn(b, &ph, sizeof(ph));
		offset += r->size;
	}
	return 0;
}

/* --- memory ----------------------------------------------------------------------------------- */

static bool is_zero(const char *p, size_t len)
{
	return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

static int write_at(struct dump *d, const char *data, size_t len, uint64_t offset, struct err *err)
{
	if (lseek(d->fd, (off_t)offset, SEEK_SET) < 0)
		return err_set(err, errno, "%s: %s", d->path, strerror(errno));
	return file_write_all(d->fd, data, len, err) < 0 ? err_wrap(err, "%s", d->path) : 0;
}

/* Runs of pages that are there and not all zero; the rest stays a hole. */
static int write_pages(struct dump *d, const char *pages, const bool *is_there, size_t nr,
		       uint64_t offset, struct err *err)
{
	for (size_t i = 0, run; i < nr; i += run ? run : 1) {
		for (run = 0; i + run < nr && is_there[i + run] &&
			      !is_zero(pages + (i + run) * HV_PAGE_SIZE, HV_PAGE_SIZE);)
			run++;
		if (run && write_at(d, pages + i * HV_PAGE_SIZE, run * HV_PAGE_SIZE,
				    offset + i * HV_PAGE_SIZE, err) < 0)
			return -1;
	}
	return 0;
}

static int write_frames(struct dump *d, uint64_t gfn, size_t nr, uint64_t offset, struct err *err)
{
	bool is_there[CHUNK_PAGES];
	const void *pages = hv_map_what_is_there(d->hv, d->domid, gfn, nr, is_there, err);
	int r;

	if (!pages)
		return -1;
	r = write_pages(d, pages, is_there, nr, offset, err);
	hv_unmap(d->hv, pages, nr);
	return r;
}

static int write_bank(struct dump *d, const struct layout_range *r, uint64_t offset,
		      struct err *err)
{
	uint64_t nr;

	for (uint64_t done = 0; done < r->size; done += nr * HV_PAGE_SIZE) {
		if (done % STEP_BYTES == 0 &&
		    vmm_step(d->vmm, err, "writing memory from 0x%" PRIx64 " to %s", r->base + done,
			     d->path) < 0)
			return -1;
		nr = (r->size - done) / HV_PAGE_SIZE;
		if (nr > CHUNK_PAGES)
			nr = CHUNK_PAGES;
		if (write_frames(d, (r->base + done) / HV_PAGE_SIZE, nr, offset + done, err) < 0)
			return -1;
	}
	return 0;
}

static int write_file(struct dump *d, struct err *err)
{
	autostrbuf struct strbuf head = STRBUF_INIT;
	uint64_t offset = memory_offset(d);

	if (d->is_64bit)
		headers64(d, &head);
	else if (headers32(d, &head, err) < 0)
		return -1;
	strbuf_addn(&head, d->notes.data, d->notes.len);
	if (file_write_all(d->fd, head.data, head.len, err) < 0)
		return err_wrap(err, "%s", d->path);
	for (unsigned i = 0; i < d->nr_banks; i++) {
		if (write_bank(d, &d->bank[i], offset, err) < 0)
			return -1;
		offset += d->bank[i].size;
	}
	if (ftruncate(d->fd, (off_t)offset) < 0)
		return err_set(err, errno, "%s: %s", d->path, strerror(errno));
	return 0;
}

/* How much RAM it was built with: its saved configuration says, else (a guest that Xen started)
 * what it has now. */
static int built_kb(struct dump *d, const struct hv_dominfo *info, uint64_t *kb, struct err *err)
{
	struct vmm_config *cfg = NULL;
	struct err why = ERR_INIT;

	if (vmm_domain_config(d->vmm, d->domid, &cfg, &why) == 0) {
		*kb = cfg->max_kb;
		vmm_config_free(cfg);
		return 0;
	}
	if (why.code != ENOENT)
		return err_set(err, why.code, "%s", why.msg);
	*kb = info->nr_pages * (HV_PAGE_SIZE / 1024);
	return 0;
}

static int find_banks(struct dump *d, const struct hv_dominfo *info, struct err *err)
{
	uint64_t kb = 0, left;

	if (built_kb(d, info, &kb, err) < 0)
		return -1;
	if (!kb || kb > (LAYOUT_RAM0_SIZE + LAYOUT_RAM1_SIZE) / 1024)
		return err_set(err, EINVAL,
			       "domain %u: %" PRIu64 " KiB of memory cannot be laid out", d->domid,
			       kb);
	left = num_align_up(kb * 1024, HV_PAGE_SIZE);
	d->bank[0] = (struct layout_range){ LAYOUT_RAM0,
					    left < LAYOUT_RAM0_SIZE ? left : LAYOUT_RAM0_SIZE };
	left -= d->bank[0].size;
	d->bank[1] = (struct layout_range){ LAYOUT_RAM1, left };
	d->nr_banks = left ? 2 : 1;
	return 0;
}

static int dump_to(struct dump *d, const struct hv_dominfo *info, const char *part, struct err *err)
{
	int r;

	if (collect_notes(d, info->nr_vcpus, err) < 0 || find_banks(d, info, err) < 0)
		return -1;
	d->fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (d->fd < 0)
		return err_set(err, errno, "%s: %s", part, strerror(errno));
	r = write_file(d, err);
	if (close(d->fd) < 0 && r == 0)
		r = err_set(err, errno, "%s: %s", part, strerror(errno));
	if (r == 0 && rename(part, d->path) < 0)
		r = err_set(err, errno, "%s: %s", d->path, strerror(errno));
	if (r < 0)
		unlink(part);
	return r;
}

int vmm_domain_dump_core(struct vmm *vmm, uint32_t domid, const char *path, struct err *err)
{
	struct dump d = {
		.vmm = vmm, .domid = domid, .path = path, .fd = -1, .notes = STRBUF_INIT
	};
	autofree char *part = str_printf("%s.part", path);
	struct err ignored = ERR_INIT;
	struct hv_dominfo info;
	int r;

	d.hv = vmm_hv(vmm, err);
	if (!d.hv || hv_domain_info(d.hv, domid, &info, err) < 0)
		return -1;
	if (domid == 0)
		return err_set(err, EINVAL, "domain 0: the control domain cannot dump itself");
	/* A picture of one moment; a domain that is paused or dead already stays so. */
	if (!info.is_paused && hv_domain_pause(d.hv, domid, err) < 0)
		return -1;
	r = dump_to(&d, &info, part, err);
	strbuf_free(&d.notes);
	if (!info.is_paused && hv_domain_unpause(d.hv, domid, r < 0 ? &ignored : err) < 0)
		r = -1;
	return r < 0 ? err_wrap(err, "dumping domain %u", domid) : 0;
}
