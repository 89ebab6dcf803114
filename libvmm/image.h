/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_IMAGE_H
#define LIBVMM_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "libvmm/config.h"

/*
 * Kernel images: arm64 Image, 32-bit zImage (also as FreeRTOS and ERIKA carry it), headerless raw
 * binaries; each may be compressed by gzip. Probing reads the first bytes only; loading streams, so
 * that the size of an image costs no memory. Every header field is distrusted. Sources:
 * Documentation/arm64/booting.rst, Documentation/arm/booting.rst.
 */
enum image_kind { IMAGE_ARM64, IMAGE_ZIMAGE32, IMAGE_RAW };

struct image {
	char *path;			/* owned */
	int fd;				/* owned; position undefined */
	enum image_kind kind;
	bool is_64bit;			/* a raw one: as the host is, the builder decides */
	bool is_gzip;
	uint64_t file_size;		/* bytes of the file as it lies on disk */
	uint64_t load_size;		/* bytes that are copied to `base` (decompressed) */
	uint64_t mem_size; /* bytes it claims from `base`, BSS included; >= load_size */
	uint64_t base, entry;		/* guest physical */
};

#define IMAGE_MAX_SIZE (1ull << 30)	/* decompressed; a bomb ends here */

/* Open and understand. raw images take load and entry address from cfg (RAM's start by default);
 * `cfg` also says whether a header is to be ignored (image_format = "raw"). */
int image_open(struct image *img, const struct vmm_config *cfg, const char *path, struct err *err)
	must_check;
/* A ramdisk: any file, its size only (a gzip one is passed on as it is). */
int image_open_ramdisk(struct image *img, const char *path, struct err *err) must_check;
/* Hand load_size bytes to `put`, in order: `offset` from the image's base, a multiple of
 * IMAGE_CHUNK; all pieces but the last are IMAGE_CHUNK bytes. The pieces are gone when `put`
 * returns. Its failure ends the load. */
#define IMAGE_CHUNK (512u << 10)
typedef int image_put_fn(void *arg, uint64_t offset, const void *data, size_t len, struct err *err);
int image_load(const struct image *img, image_put_fn *put, void *arg, struct err *err) must_check;
void image_close(struct image *img);
/* "arm64 Image, gzip, 33 MiB at 0x40000000" for -v; yours. */
char *image_describe(const struct image *img);

#endif
