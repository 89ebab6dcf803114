// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The mapped file under the journal: growing, staging, and the one store that makes a batch count.
 * Knows that a stream ends in a zero; does not know what the records say.
 */
#include "xenstored/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/num.h"

#define GROW_BYTES    (64u << 10)
#define READY_BYTES   (64u << 10)
#define RELEASE_BYTES (64u << 10)
/* So much of a file stays in our page table: a small store writes the same two over and over, and
 * what fetching their pages anew costs is half of what the journal costs. */
#define KEPT_BYTES    (1280u << 10)

int jfile_create(struct jfile *f, int dir_fd, const char *name, size_t size, struct err *err)
{
	*f = (struct jfile)JFILE_INIT;
	f->released = KEPT_BYTES;
	if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
		return err_set(err, errno, "%s: unlink: %s", name, strerror(errno));
	f->fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (f->fd < 0)
		return err_set(err, errno, "%s: create: %s", name, strerror(errno));
	if (jfile_reserve(f, size, err) < 0) {
		jfile_close(f);
		return err_wrap(err, "%s", name);
	}
	return 0;
}

void jfile_close(struct jfile *f)
{
	if (f->map)
		munmap(f->map, f->size);
	if (f->fd >= 0)
		close(f->fd);
	*f = (struct jfile)JFILE_INIT;
}

void jfile_restart(struct jfile *f)
{
	f->committed = f->tail = 0;
	f->released = KEPT_BYTES;
	if (f->ready > KEPT_BYTES)
		f->ready = KEPT_BYTES;
}

/* Many pages at once: cheaper than one fault each. */
static void make_ready(struct jfile *f, size_t want)
{
	size_t end = num_align_up(want, READY_BYTES);

	if (end > f->size)
		end = f->size;
#ifdef MADV_POPULATE_WRITE
	(void)madvise(f->map + f->ready, end - f->ready, MADV_POPULATE_WRITE);
#endif
	f->ready = end;
}

/* Allocated, not just made longer: a hole that cannot be filled would be a SIGBUS. */
static int allocate(struct jfile *f, size_t want, struct err *err)
{
	size_t size = num_align_up(want + f->size / 4, GROW_BYTES);
	void *map;
	int e;

	do
		e = posix_fallocate(f->fd, (off_t)f->size, (off_t)(size - f->size));
	while (e == EINTR);
	if (e != 0)
		return err_set(err, ENOSPC, "journal: no room for %zu bytes: %s", size,
			       strerror(e));
	if (f->map)
		map = mremap(f->map, f->size, size, MREMAP_MAYMOVE);
	else
		map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	if (map == MAP_FAILED)
		return err_set(err, errno, "journal: map %zu bytes: %s", size, strerror(errno));
	f->map = map;
	f->size = size;
	return 0;
}

int jfile_grow(struct jfile *f, size_t want, struct err *err)
{
	if (want > f->size && allocate(f, want, err) < 0)
		return -1;
	make_ready(f, want);
	return 0;
}

void *jfile_room(void *arg, size_t len, struct err *err)
{
	struct jfile *f = arg;

	if (jfile_reserve(f, len, err) < 0)
		return NULL;
	if (f->tail == f->committed && f->committed > 0)
		f->tail += JFILE_SLOT;
	char *p = f->map + f->tail;

	f->tail += len;
	return p;
}

static void release_behind(struct jfile *f)
{
	size_t end = num_align_down(f->committed, 1u << 16);

	if (end < f->released + RELEASE_BYTES)
		return;
	/* The file keeps the data; only our page table lets go. */
	(void)madvise(f->map + f->released, end - f->released, MADV_DONTNEED);
	f->released = end;
}

static void put_head(struct jfile *f, size_t at, uint32_t type)
{
	uint32_t words[2] = { type, 0 };
	uint64_t head;

	memcpy(&head, words, sizeof(head));
	atomic_store_explicit((_Atomic uint64_t *)(void *)(f->map + at), head,
			      memory_order_release);
}

void jfile_commit(struct jfile *f)
{
	if (f->tail <= f->committed + JFILE_SLOT) {
		f->tail = f->committed;
		return;
	}
	put_head(f, f->tail, STATE_END);
	put_head(f, f->committed, JFILE_MARK);
	f->committed = f->tail;
	release_behind(f);
}

void jfile_seal(struct jfile *f)
{
	put_head(f, f->tail, STATE_END);
	f->committed = f->tail;
	release_behind(f);
}
