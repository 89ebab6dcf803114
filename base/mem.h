/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
#include <stdio.h>

/*
 * Ownership: acquire and undo on one line, steal() is the only way out.
 *
 *	autofree char *path = str_printf("%s/%s", dir, name);
 *	...
 *	*out = steal(path);
 *
 * The x-allocators are for commands and for libvmm: when memory runs out they run the hook (which
 * undoes a half-made domain), print one line and exit 1. Daemons use malloc and friends and refuse
 * the request.
 */

void mem_autofree(void *pp);
void mem_autoclose(const int *fd);
void mem_autofclose(FILE **f);

#define autofree __attribute__((cleanup(mem_autofree)))
#define autoclose __attribute__((cleanup(mem_autoclose)))
#define autofclose __attribute__((cleanup(mem_autofclose)))

/* Hand a pointer on: evaluates to its value and leaves NULL behind. */
#define steal(p)                                \
	__extension__({                         \
		__typeof__(p) stolen_ = (p);    \
		(p) = NULL;                     \
		stolen_;                        \
	})

/* Hand a descriptor on: evaluates to it and leaves -1 behind. */
#define steal_fd(fd)                            \
	__extension__({                         \
		int stolen_fd_ = (fd);          \
		(fd) = -1;                      \
		stolen_fd_;                     \
	})

#define array_size(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

/* Never return NULL; size 0 gives a pointer that may be freed. Yours to free. */
void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);

/* Called once, before the process exits for want of memory. NULL removes the hook. */
void mem_on_oom(void (*hook)(void *arg), void *arg);

#endif
