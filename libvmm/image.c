// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Understands kernel images and streams them. Every header field is distrusted: sizes are checked
 * against the file and against sane bounds here; whether the result fits the guest is layout.c's
 * question. Knows no domain.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/image.h"
#include "libvmm/layout.h"

/* Documentation/arm64/booting.rst: all little-endian, whatever the kernel is. */
struct arm64_header {
	uint32_t code0, code1;
	uint64_t text_offset, image_size, flags, res2, res3, res4;
	uint32_t magic, res5;
};
#define ARM64_MAGIC 0x644d5241u		/* "ARM\x64" */
#define ARM64_OLD_CODE0 0x14000008u	/* kernels before the magic */
#define ARM64_OLD_TEXT_OFFSET 0x80000u	/* "where image_size is zero, assume" */

/* Documentation/arm/booting.rst and arch/arm/boot/compressed/head.S. */
struct zimage32_header {
	uint32_t code[9], magic, start, end;
};
#define ZIMAGE32_MAGIC 0x016f2818u
#define ZIMAGE32_OFFSET 0x8000u		/* not in the first page tables' way */

union header {
	struct arm64_header arm64;
	struct zimage32_header zimage32;
	uint8_t bytes[64];
};
_Static_assert(sizeof(struct arm64_header) == 64 && sizeof(struct zimage32_header) == 0x30,
	       "as the boot protocols say");

#define MAX_TEXT_OFFSET (1ull << 30)

/* --- files ------------------------------------------------------------------------------------ */

static int open_file(struct image *img, const char *path, struct err *err)
{
	struct stat st;

	*img = (struct image){ .fd = -1 };
	/* Not to hang on a pipe: it is refused below. */
	img->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (img->fd < 0)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	if (fstat(img->fd, &st) < 0)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "%s: not a regular file", path);
	if (st.st_size == 0)
		return err_set(err, EINVAL, "%s: the file is empty", path);
	img->path = xstrdup(path);
	img->file_size = img->load_size = img->mem_size = st.st_size;
	return 0;
}

void image_close(struct image *img)
{
	if (img->fd >= 0)
		close(img->fd);
	img->fd = -1;
	free(steal(img->path));
}

/* --- gzip ------------------------------------------------------------------------------------- */

static int inflate_begin(z_stream *z, const struct image *img, struct err *err)
{
	memset(z, 0, sizeof(*z));
	if (inflateInit2(z, 16 + MAX_WBITS) != Z_OK)
		return err_set(err, ENOMEM, "%s: starting to decompress: %s", img->path,
			       z->msg ? z->msg : "no memory");
	return 0;
}

struct inflater {
	z_stream z;
	uint64_t at;			/* read so far */
	bool is_done;
	uint8_t in[64 << 10];
};

/* Fill `out` as far as the data goes. */
static int inflate_some(const struct image *img, struct inflater *inf, void *out, size_t size,
			size_t *got, struct err *err)
{
	inf->z.next_out = out;
	inf->z.avail_out = size;
	while (inf->z.avail_out && !inf->is_done) {
		int r;

		if (!inf->z.avail_in) {
			uint64_t left = img->file_size - inf->at;
			size_t n = left < sizeof(inf->in) ? left : sizeof(inf->in);

			if (!n)
				return err_set(err, EINVAL,
					       "%s: the compressed data ends too early", img->path);
			if (file_pread_all(img->fd, inf->in, n, inf->at, img->path, err) < 0)
				return -1;
			inf->at += n;
			inf->z.next_in = inf->in;
			inf->z.avail_in = n;
		}
		r = inflate(&inf->z, Z_NO_FLUSH);
		if (r == Z_STREAM_END)
			inf->is_done = true;
		else if (r != Z_OK)
			return err_set(err, EINVAL, "%s: decompressing: %s", img->path,
				       inf->z.msg ? inf->z.msg : "damaged data");
	}
	*got = size - inf->z.avail_out;
	return 0;
}

static void inflater_free(struct inflater **inf)
{
	if (*inf)
		inflateEnd(&(*inf)->z);
	free(*inf);
}

#define autoinflater __attribute__((cleanup(inflater_free)))

static struct inflater *inflater_new(const struct image *img, struct err *err)
{
	struct inflater *inf = xcalloc(1, sizeof(*inf));

	if (inflate_begin(&inf->z, img, err) < 0) {
		free(inf);
		return NULL;
	}
	return inf;
}

/* The trailer says how large the data is; loading holds it to its word. */
static int probe_gzip(struct image *img, union header *head, size_t *got, struct err *err)
{
	autoinflater struct inflater *inf = NULL;
	uint32_t isize;

	if (img->file_size <= 18)
		return err_set(err, EINVAL, "%s: a gzip file of %llu bytes holds no kernel",
			       img->path, (unsigned long long)img->file_size);
	if (file_pread_all(img->fd, &isize, sizeof(isize), img->file_size - sizeof(isize),
			   img->path, err) < 0)
		return -1;
	img->is_gzip = true;
	img->load_size = img->mem_size = le32toh(isize);
	if (!img->load_size || img->load_size > IMAGE_MAX_SIZE)
		return err_set(err, EFBIG,
			       "%s: decompressed it would be %llu bytes (1 to %llu are possible)",
			       img->path, (unsigned long long)img->load_size,
			       (unsigned long long)IMAGE_MAX_SIZE);
	inf = inflater_new(img, err);
	if (!inf)
		return -1;
	return inflate_some(img, inf, head, sizeof(*head), got, err);
}

/* --- probing ---------------------------------------------------------------------------------- */

static int probe_arm64(struct image *img, const struct arm64_header *h, struct err *err)
{
	uint64_t offset = le64toh(h->text_offset), size = le64toh(h->image_size);

	img->kind = IMAGE_ARM64;
	img->is_64bit = true;
	if (!size && !offset)
		offset = ARM64_OLD_TEXT_OFFSET;
	if (offset > MAX_TEXT_OFFSET)
		return err_set(
			err, EINVAL,
			"%s: the arm64 header asks for an offset of %#llx from the start of memory",
			img->path, (unsigned long long)offset);
	if (size > LAYOUT_RAM0_SIZE)
		return err_set(err, EINVAL, "%s: the arm64 header claims a size of %#llx bytes",
			       img->path, (unsigned long long)size);
	if (size > img->mem_size)
		img->mem_size = size;
	img->base = img->entry = LAYOUT_RAM0 + offset;
	return 0;
}

/* FreeRTOS and ERIKA carry the same header with the address they were linked for as `start`;
 * upstream loads to 0x40008000 all the same and enters at `start`. An image linked elsewhere is
 * loaded where it was linked for. */
static int probe_zimage32(struct image *img, const struct zimage32_header *h, struct err *err)
{
	uint32_t start = le32toh(h->start), end = le32toh(h->end);
	uint64_t fixed = LAYOUT_RAM0 + ZIMAGE32_OFFSET;

	img->kind = IMAGE_ZIMAGE32;
	if (end < start)
		return err_set(err, EINVAL,
			       "%s: the zImage header says it ends at %#x, before its start at %#x",
			       img->path, end, start);
	img->base =
		start == 0 || (start >= fixed && start - fixed < img->load_size) ? fixed : start;
	img->entry = start ? start : fixed;
	if (end - start > img->mem_size)
		img->mem_size = end - start;
	return 0;
}

static int probe_raw(struct image *img, const struct vmm_config *cfg, struct err *err)
{
	img->kind = IMAGE_RAW;
	img->base = cfg->load_address == CONFIG_UNSET ? LAYOUT_RAM0 : (uint64_t)cfg->load_address;
	img->entry = cfg->entry_address == CONFIG_UNSET ? img->base : (uint64_t)cfg->entry_address;
	if (img->entry < img->base || img->entry - img->base >= img->load_size)
		return err_set(
			err, EINVAL,
			"%s: the entry address %#llx lies outside the image (%#llx, %llu bytes)",
			img->path, (unsigned long long)img->entry, (unsigned long long)img->base,
			(unsigned long long)img->load_size);
	return 0;
}

static int probe(struct image *img, const struct vmm_config *cfg, struct err *err)
{
	union header head;
	size_t got = img->file_size < sizeof(head) ? img->file_size : sizeof(head);

	memset(&head, 0, sizeof(head));
	if (file_pread_all(img->fd, &head, got, 0, img->path, err) < 0)
		return -1;
	if (got >= 2 && head.bytes[0] == 0x1f && head.bytes[1] == 0x8b) {
		memset(&head, 0, sizeof(head));
		if (probe_gzip(img, &head, &got, err) < 0)
			return -1;
	}
	if (cfg->image_format == IMAGE_FORMAT_RAW)
		return probe_raw(img, cfg, err);
	if (got >= sizeof(head.arm64) && (le32toh(head.arm64.magic) == ARM64_MAGIC ||
					  le32toh(head.arm64.code0) == ARM64_OLD_CODE0))
		return probe_arm64(img, &head.arm64, err);
	if (got >= sizeof(head.zimage32) && le32toh(head.zimage32.magic) == ZIMAGE32_MAGIC)
		return probe_zimage32(img, &head.zimage32, err);
	if (got >= 4 && !memcmp(head.bytes, "\177ELF", 4))
		return err_set(err, ENOEXEC,
			       "%s: an ELF file; make a binary of it (objcopy -O binary) and set "
			       "image_format=\"raw\"",
			       img->path);
	return err_set(
		err, ENOEXEC,
		"%s: neither an arm64 Image nor a zImage, plain or gzip; for a bare binary set "
		"image_format=\"raw\"",
		img->path);
}

int image_open(struct image *img, const struct vmm_config *cfg, const char *path, struct err *err)
{
	if (open_file(img, path, err) == 0 && probe(img, cfg, err) == 0)
		return 0;
	image_close(img);
	return -1;
}

int image_open_ramdisk(struct image *img, const char *path, struct err *err)
{
	if (open_file(img, path, err) == 0)
		return 0;
	image_close(img);
	return -1;
}

char *image_describe(const struct image *img)
{
	static const char *const kinds[] = {
		[IMAGE_ARM64] = "arm64 Image", [IMAGE_ZIMAGE32] = "32-bit zImage", [IMAGE_RAW] = "raw binary",
	};

	return str_printf("%s%s, %llu KiB at %#llx, entry %#llx", kinds[img->kind],
			  img->is_gzip ? ", gzip" : "",
			  (unsigned long long)(img->mem_size + 1023) / 1024,
			  (unsigned long long)img->base, (unsigned long long)img->entry);
}

/* --- loading ---------------------------------------------------------------------------------- */

static int load_plain(const struct image *img, void *chunk, image_put_fn *put, void *arg,
		      struct err *err)
{
	for (uint64_t at = 0; at < img->load_size;) {
		uint64_t left = img->load_size - at;
		size_t n = left < IMAGE_CHUNK ? left : IMAGE_CHUNK;

		if (file_pread_all(img->fd, chunk, n, at, img->path, err) < 0 ||
		    put(arg, at, chunk, n, err) < 0)
			return -1;
		at += n;
	}
	return 0;
}

static int load_gzip(const struct image *img, void *chunk, image_put_fn *put, void *arg,
		     struct err *err)
{
	autoinflater struct inflater *inf = inflater_new(img, err);
	uint8_t beyond;
	size_t got;

	if (!inf)
		return -1;
	for (uint64_t at = 0; at < img->load_size; at += got) {
		uint64_t left = img->load_size - at;
		size_t n = left < IMAGE_CHUNK ? left : IMAGE_CHUNK;

		if (inflate_some(img, inf, chunk, n, &got, err) < 0)
			return -1;
		if (got < n)
			return err_set(
				err, EINVAL,
				"%s: decompressed it is %llu bytes, but its trailer says %llu",
				img->path, (unsigned long long)(at + got),
				(unsigned long long)img->load_size);
		if (put(arg, at, chunk, n, err) < 0)
			return -1;
	}
	/* The check of the checksum is in the step that finds the end. */
	if (inflate_some(img, inf, &beyond, 1, &got, err) < 0)
		return -1;
	if (got)
		return err_set(err, EFBIG,
			       "%s: decompressed it is larger than the %llu bytes its trailer says",
			       img->path, (unsigned long long)img->load_size);
	return 0;
}

int image_load(const struct image *img, image_put_fn *put, void *arg, struct err *err)
{
	autofree void *chunk = xmalloc(IMAGE_CHUNK);

	return img->is_gzip ? load_gzip(img, chunk, put, arg, err)
			    : load_plain(img, chunk, put, arg, err);
}
