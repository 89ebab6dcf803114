/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvmm/image: every kind understood, every header field distrusted, nothing lost on the way. */
#include "libvmm/image.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include "base/file.h"
#include "base/str.h"
#include "libvmm/layout.h"
#include "tests/test.h"

static struct err err;
static struct image img;
static char path[] = "/tmp/test_image.XXXXXX";
static struct vmm_config cfg = { .load_address = CONFIG_UNSET, .entry_address = CONFIG_UNSET };

static void put_file(const void *data, size_t len)
{
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_ok(file_write_all(fd, data, len, &err), &err);
	close(fd);
}

static void drop_file(void)
{
	unlink(path);
	memcpy(path + strlen(path) - 6, "XXXXXX", 6); /* for the next mkstemp */
}

/* Opens `data` as a kernel; the file is gone afterwards, the descriptor stays. */
static int open_data(const void *data, size_t len)
{
	int r;

	put_file(data, len);
	err_clear(&err);
	r = image_open(&img, &cfg, path, &err);
	drop_file();
	return r;
}

static void put32(uint8_t *at, uint32_t v)
{
	v = htole32(v);
	memcpy(at, &v, sizeof(v));
}

static void put64(uint8_t *at, uint64_t v)
{
	v = htole64(v);
	memcpy(at, &v, sizeof(v));
}

static uint8_t *arm64(size_t len, uint64_t text_offset, uint64_t image_size)
{
	uint8_t *data = xcalloc(1, len);

	for (size_t i = 64; i < len; i++)
		data[i] = i * 7 + i / 251;
	put64(data + 8, text_offset);
	put64(data + 16, image_size);
	memcpy(data + 56, "ARM\x64", 4);
	return data;
}

static uint8_t *zimage32(size_t len, uint32_t start, uint32_t end)
{
	uint8_t *data = xcalloc(1, len);

	put32(data + 0x24, 0x016f2818);
	put32(data + 0x28, start);
	put32(data + 0x2c, end);
	return data;
}

static uint8_t *gzipped(const void *data, size_t len, size_t *out_len)
{
	uint8_t *out = xmalloc(len + 1000);
	z_stream z = { .next_in = (uint8_t *)(uintptr_t)data,
		       .avail_in = len,
		       .next_out = out,
		       .avail_out = len + 1000 };

	ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	*out_len = z.total_out;
	deflateEnd(&z);
	return out;
}

static int take(void *arg, uint64_t offset, const void *data, size_t len, struct err *e)
{
	struct strbuf *b = arg;

	ck_assert_uint_eq(offset, b->len);
	ck_assert_uint_eq(offset % IMAGE_CHUNK, 0);
	ck_assert_uint_le(len, IMAGE_CHUNK);
	strbuf_addn(b, data, len);
	return 0;
}

static int refuse(void *arg, uint64_t offset, const void *data, size_t len, struct err *e)
{
	return offset < IMAGE_CHUNK ? 0 : err_set(e, EFAULT, "no room for it");
}

static void check_loads(const void *data, size_t len)
{
	autostrbuf struct strbuf got = STRBUF_INIT;

	ck_ok(image_load(&img, take, &got, &err), &err);
	ck_assert_uint_eq(got.len, len);
	ck_assert(!memcmp(got.data, data, len));
}

START_TEST(arm64_image)
{
	autofree uint8_t *data = arm64(IMAGE_CHUNK * 2 + 777, 0x80000, 5 << 20);
	autofree char *text = NULL;

	ck_ok(open_data(data, IMAGE_CHUNK * 2 + 777), &err);
	ck_assert(img.kind == IMAGE_ARM64 && img.is_64bit && !img.is_gzip);
	ck_assert_uint_eq(img.base, LAYOUT_RAM0 + 0x80000);
	ck_assert_uint_eq(img.entry, img.base);
	ck_assert_uint_eq(img.load_size, IMAGE_CHUNK * 2 + 777);
	ck_assert_uint_eq(img.mem_size, 5 << 20);
	check_loads(data, IMAGE_CHUNK * 2 + 777);
	ck_fails(image_load(&img, refuse, NULL, &err), &err, EFAULT, "no room for it");
	text = image_describe(&img);
	ck_assert_str_eq(text, "arm64 Image, 5120 KiB at 0x40080000, entry 0x40080000");
	image_close(&img);
	image_close(&img);
}
END_TEST

START_TEST(arm64_sizes)
{
	static const struct {
		uint64_t text_offset, image_size;
		const char *says;	/* NULL: fine */
	} rows[] = {
		{ 0, 0, NULL },			/* before 3.17: offset assumed */
		{ 0, 100, NULL },		/* less than the file: the file counts */
		{ 0, 3ull << 30, NULL },	/* layout's question */
		{ 1ull << 31, 4096, "asks for an offset" },
		{ UINT64_MAX, 4096, "asks for an offset" },
		{ 0, UINT64_MAX, "claims a size of 0xffffffffffffffff" },
		{ 0, (3ull << 30) + 1, "claims a size" },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		autofree uint8_t *data = arm64(4096, rows[i].text_offset, rows[i].image_size);

		if (rows[i].says) {
			ck_fails(open_data(data, 4096), &err, EINVAL, rows[i].says);
			ck_assert_int_eq(img.fd, -1);
			continue;
		}
		ck_ok(open_data(data, 4096), &err);
		ck_assert_uint_ge(img.mem_size, 4096);
		ck_assert_uint_eq(img.base, LAYOUT_RAM0 + (rows[i].image_size ? 0 : 0x80000));
		image_close(&img);
	}
}
END_TEST

START_TEST(zimage)
{
	static const struct {
		uint32_t start, end;
		uint64_t base, entry, mem;
	} rows[] = {
		{ 0, 8192, 0x40008000, 0x40008000, 8192 },		/* Linux: wherever */
		{ 0, 0x1000000, 0x40008000, 0x40008000, 0x1000000 },
		{ 0x40008000, 0x40009000, 0x40008000, 0x40008000, 8192 },	/* FreeRTOS */
		{ 0x40008100, 0x4000a000, 0x40008000, 0x40008100, 8192 },	/* enters behind its start */
		{ 0x42000000, 0x42010000, 0x42000000, 0x42000000, 0x10000 },	/* linked elsewhere */
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		autofree uint8_t *data = zimage32(8192, rows[i].start, rows[i].end);

		ck_ok(open_data(data, 8192), &err);
		ck_assert(img.kind == IMAGE_ZIMAGE32 && !img.is_64bit);
		ck_assert_uint_eq(img.base, rows[i].base);
		ck_assert_uint_eq(img.entry, rows[i].entry);
		ck_assert_uint_eq(img.mem_size, rows[i].mem);
		image_close(&img);
	}
	autofree uint8_t *bad = zimage32(8192, 0x40008000, 0x40000000);
	ck_fails(open_data(bad, 8192), &err, EINVAL, "before its start");
}
END_TEST

START_TEST(raw)
{
	uint8_t data[100] = "\x1f nothing like a header";

	cfg.image_format = IMAGE_FORMAT_RAW;
	ck_ok(open_data(data, sizeof(data)), &err);
	ck_assert(img.kind == IMAGE_RAW && img.base == LAYOUT_RAM0 && img.entry == LAYOUT_RAM0);
	image_close(&img);
	cfg.load_address = 0x40100000;
	cfg.entry_address = 0x40100010;
	ck_ok(open_data(data, sizeof(data)), &err);
	ck_assert(img.base == 0x40100000 && img.entry == 0x40100010);
	image_close(&img);
	cfg.entry_address = 0x40100064;
	ck_fails(open_data(data, sizeof(data)), &err, EINVAL, "outside the image");
	cfg.entry_address = 0x400fffff;
	ck_fails(open_data(data, sizeof(data)), &err, EINVAL, "outside the image");
	/* a header it may have, and it is not looked at */
	cfg.entry_address = CONFIG_UNSET;
	autofree uint8_t *kernel = arm64(4096, UINT64_MAX, UINT64_MAX);
	ck_ok(open_data(kernel, 4096), &err);
	ck_assert_uint_eq(img.base, 0x40100000);
	image_close(&img);
}
END_TEST

START_TEST(gzip)
{
	size_t len = IMAGE_CHUNK * 3 + 5, zlen;
	autofree uint8_t *data = arm64(len, 0, 0x800000);
	autofree uint8_t *z = gzipped(data, len, &zlen);

	ck_ok(open_data(z, zlen), &err);
	ck_assert(img.kind == IMAGE_ARM64 && img.is_gzip);
	ck_assert_uint_eq(img.load_size, len);
	ck_assert_uint_eq(img.mem_size, 0x800000);
	check_loads(data, len);
	/* and again: a load leaves nothing behind */
	check_loads(data, len);
	image_close(&img);
}
END_TEST

START_TEST(hostile_gzip)
{
	autofree uint8_t *data = arm64(300000, 0, 300000);
	size_t zlen;
	autofree uint8_t *z = gzipped(data, 300000, &zlen);
	autostrbuf struct strbuf got = STRBUF_INIT;

	/* larger than it says: a bomb ends where it said it would */
	put32(z + zlen - 4, 200000);
	ck_ok(open_data(z, zlen), &err);
	ck_fails(image_load(&img, take, &got, &err), &err, EFBIG, "larger than the 200000 bytes");
	ck_assert_uint_eq(got.len, 200000);
	image_close(&img);
	/* smaller than it says */
	got.len = 0;
	put32(z + zlen - 4, 400000);
	ck_ok(open_data(z, zlen), &err);
	ck_fails(image_load(&img, take, &got, &err), &err, EINVAL, "");
	image_close(&img);
	/* beyond any sense */
	put32(z + zlen - 4, 0xffffffff);
	ck_fails(open_data(z, zlen), &err, EFBIG, "decompressed it would be");
	put32(z + zlen - 4, 0);
	ck_fails(open_data(z, zlen), &err, EFBIG, "decompressed it would be");
	/* cut off */
	for (size_t cut = 0; cut < zlen; cut += 1 + zlen / 50) {
		got.len = 0;
		if (cut == 0 || open_data(z, cut) < 0)
			continue;
		ck_fails(image_load(&img, take, &got, &err), &err, EINVAL, "");
		image_close(&img);
	}
	/* damaged inside: the checksum tells */
	put32(z + zlen - 4, 300000);
	put32(z + zlen - 8, 0x12345678);
	got.len = 0;
	ck_ok(open_data(z, zlen), &err);
	ck_fails(image_load(&img, take, &got, &err), &err, EINVAL, "incorrect data check");
	image_close(&img);
}
END_TEST

START_TEST(not_a_kernel)
{
	static const char text[100] = "#!/bin/sh\necho I am no kernel\n";
	static const char elf[100] = "\177ELF\2\1\1";

	ck_fails(open_data(text, sizeof(text)), &err, ENOEXEC,
		 "neither an arm64 Image nor a zImage");
	ck_fails(open_data(elf, sizeof(elf)), &err, ENOEXEC, "an ELF file");
	ck_fails(open_data("", 0), &err, EINVAL, "the file is empty");
	ck_fails(open_data("a", 1), &err, ENOEXEC, "neither");
	ck_fails(open_data("\x1f\x8b", 2), &err, EINVAL, "holds no kernel");
	ck_fails(image_open(&img, &cfg, "/nowhere/at/all", &err), &err, ENOENT,
		 "/nowhere/at/all: No such file");
	ck_fails(image_open(&img, &cfg, "/tmp", &err), &err, EINVAL, "not a regular file");
	ck_fails(image_open_ramdisk(&img, "/dev/null", &err), &err, EINVAL, "not a regular file");
	/* a pipe nobody writes to must not hang the command */
	ck_assert_int_eq(mkfifo("/tmp/test_image.fifo", 0600), 0);
	ck_fails(image_open(&img, &cfg, "/tmp/test_image.fifo", &err), &err, EINVAL,
		 "not a regular file");
	unlink("/tmp/test_image.fifo");
}
END_TEST

START_TEST(every_header_byte)
{
	/* whatever a header says, probing neither crashes nor claims less memory than it loads */
	for (unsigned at = 0; at < 64; at++) {
		for (unsigned value = 0; value < 256; value += 17) {
			autofree uint8_t *data =
				at % 2 ? arm64(256, 0, 256) : zimage32(256, 0, 256);

			data[at] = value;
			if (open_data(data, 256) < 0)
				continue;
			ck_assert_uint_ge(img.mem_size, img.load_size);
			image_close(&img);
		}
	}
}
END_TEST

START_TEST(a_file_that_shrinks)
{
	autofree uint8_t *data = arm64(IMAGE_CHUNK * 2, 0, 0);
	autostrbuf struct strbuf got = STRBUF_INIT;

	put_file(data, IMAGE_CHUNK * 2);
	ck_ok(image_open(&img, &cfg, path, &err), &err);
	ck_assert_int_eq(truncate(path, IMAGE_CHUNK + 1), 0);
	ck_assert_int_lt(image_load(&img, take, &got, &err), 0);
	ck_assert_msg(strstr(err.msg, path), "%s", err.msg);
	image_close(&img);
	drop_file();
}
END_TEST

TEST_MAIN("image", arm64_image, arm64_sizes, zimage, raw, gzip, hostile_gzip, not_a_kernel,
	  every_header_byte, a_file_that_shrinks)
