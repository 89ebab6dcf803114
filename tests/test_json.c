/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON: bounds of the reader; configurations in the very text stock xl prints (tests/golden/config,
 * made by `xl create -n` of Xen 4.17 and 4.20 in the testbed), and back again.
 */
#include "tests/test.h"

#include <errno.h>

#include "base/file.h"
#include "base/str.h"
#include "libvmm/cfgjson.h"
#include "libvmm/json.h"
#include "libvmm/libvmm.h"
#include "tests/files.h"

static struct err err;

static char *golden(const char *name, const char *suffix)
{
	return source_file("tests/golden/config/%s%s", name, suffix);
}

static struct vmm_config *load(const char *text)
{
	struct vmm_config_source src = { .path = "t.cfg", .text = text };
	struct vmm_config *cfg;

	ck_assert_msg(vmm_config_load(&src, &cfg, &err) == 0, "%s", err.msg);
	return cfg;
}

/* Check's own message has no room for two configurations. */
static void same(const char *got, const char *want)
{
	size_t i = 0, line = 0;

	for (; got[i] != '\0' && got[i] == want[i]; i++)
		if (got[i] == '\n')
			line = i + 1;
	ck_assert_msg(got[i] == want[i], "got:\n%.200s\nwanted:\n%.200s", got + line, want + line);
}

static const char *const names[] = { "min", "full", "tee", "dev", "dev2", "dev18" };

START_TEST(test_as_stock_prints_it)
{
	autofree char *text = golden(names[_i], ".cfg"), *want = golden(names[_i], ".json"),
		      *got = NULL;
	struct vmm_config *cfg = load(text);

	ck_assert_msg(vmm_config_to_json(cfg, &got, &err) == 0, "%s", err.msg);
	same(got, want);
	vmm_config_free(cfg);
}
END_TEST

/* What was saved comes back as it was, and saving it again changes nothing. */
START_TEST(test_round_trip)
{
	autofree char *text = golden(names[_i], ".cfg"), *once = NULL, *twice = NULL;
	struct vmm_config *cfg = load(text), *again;

	ck_assert_int_eq(cfgjson_saved(cfg, NULL, &once, &err), 0);
	ck_assert_msg(vmm_config_from_json(once, strlen(once) + 1, &again, &err) == 0, "%s",
		      err.msg);
	ck_assert_int_eq(cfgjson_saved(again, NULL, &twice, &err), 0);
	same(once, twice);
	ck_assert_str_eq(vmm_config_name(cfg), vmm_config_name(again));
	vmm_config_free(cfg);
	vmm_config_free(again);
}
END_TEST

/* Stock's own text, read and written again. */
START_TEST(test_reads_stock)
{
	autofree char *want = golden(names[_i], ".json"), *got = NULL;
	struct vmm_config *cfg;

	ck_assert_msg(vmm_config_from_json(want, strlen(want), &cfg, &err) == 0, "%s", err.msg);
	ck_assert_msg(vmm_config_to_json(cfg, &got, &err) == 0, "%s", err.msg);
	same(got, want);
	vmm_config_free(cfg);
}
END_TEST

START_TEST(test_unknown_members)
{
	static const char text[] = "{\"c_info\":{\"name\":\"x\",\"new\":[1,{}]},\"b_info\":{\"type."
				   "hvm\":{\"a\":1},\"u\":null},"
				   "\"rdms\":[{}],\"colo\":true}";
	struct vmm_config *cfg;

	ck_assert_msg(vmm_config_from_json(text, sizeof(text), &cfg, &err) == 0, "%s", err.msg);
	ck_assert_str_eq(vmm_config_name(cfg), "x");
	ck_assert_int_eq(cfg->on_reboot, VMM_ACTION_DESTROY);
	vmm_config_free(cfg);
}
END_TEST

/* What guest.cfg says in another encoding than UTF-8 comes back as it went. */
START_TEST(test_latin1)
{
	struct vmm_config_source src = {
		.text = "name = 'x'\nkernel = '/k'\nextra = 'r\xe9gion'\n"
	};
	struct vmm_config *cfg, *again;
	autofree char *once = NULL, *twice = NULL;

	ck_assert_msg(vmm_config_load(&src, &cfg, &err) == 0, "%s", err.msg);
	ck_assert_msg(vmm_config_to_json(cfg, &once, &err) == 0, "%s", err.msg);
	ck_assert_msg(vmm_config_from_json(once, strlen(once), &again, &err) == 0, "%s", err.msg);
	ck_assert_msg(vmm_config_to_json(again, &twice, &err) == 0, "%s", err.msg);
	same(twice, once);
	ck_assert_ptr_nonnull(strstr(twice, "r\xe9gion"));
	vmm_config_free(cfg);
	vmm_config_free(again);
}
END_TEST

static const char *const bad[] = {
	"", " ", "{", "[1,", "{\"a\"}", "nul", "[1] 2", "{\"c_info\":5", "[1,]", "{\"a\":1,}",
};

START_TEST(test_bad_json)
{
	struct json *j;

	ck_assert_int_eq(json_parse(bad[_i], strlen(bad[_i]), &j, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.msg, _i < 2 ? "" : "line 1"));
}
END_TEST

static const char *const bad_configs[] = {
	"[]",
	"{\"c_info\":{\"name\":5}}",
	"{\"c_info\":{\"uuid\":\"5\"}}",
	"{\"b_info\":{\"max_memkb\":\"x\"}}",
	"{\"b_info\":{\"max_memkb\":-7}}",
	"{\"b_info\":{\"irqs\":[\"a\"]}}",
	"{\"on_crash\":\"explode\"}",
	"{\"disks\":[5]}",
	"{\"disks\":[{\"vdev\":[1]}]}",
	"{\"b_info\":{\"arch_arm\":{\"gic_version\":\"v9\"}}}",
};

START_TEST(test_bad_config)
{
	struct vmm_config *cfg;

	ck_assert_int_eq(vmm_config_from_json(bad_configs[_i], strlen(bad_configs[_i]), &cfg, &err),
			 -1);
	ck_assert_msg(str_starts(err.msg, "configuration in JSON: "), "%s", err.msg);
}
END_TEST

START_TEST(test_too_deep)
{
	char text[5000];
	struct json *j;

	memset(text, '[', sizeof(text));
	ck_assert_int_eq(json_parse(text, sizeof(text), &j, &err), -1);
	ck_assert_msg(strstr(err.msg, "nested more than 64 deep") != NULL, "%s", err.msg);
}
END_TEST

START_TEST(test_numbers_keep_64_bits)
{
	struct json *j;
	struct json_writer *w = json_writer_new();
	autofree char *text = NULL;

	json_open_array(w, NULL);
	json_uint(w, NULL, UINT64_MAX);
	json_int(w, NULL, INT64_MIN);
	json_close_array(w);
	ck_assert_int_eq(json_writer_end(w, &text, &err), 0);
	ck_assert_int_eq(json_parse(text, strlen(text), &j, &err), 0);
	ck_assert_str_eq(j->child->text, "18446744073709551615");
	ck_assert_str_eq(j->child->next->text, "-9223372036854775808");
	json_free(j);
}
END_TEST

TEST_MAIN_ROWS("json", { test_as_stock_prints_it, array_size(names) },
	       { test_round_trip, array_size(names) }, { test_reads_stock, array_size(names) },
	       { test_unknown_members, 0 }, { test_latin1, 0 },
	       { test_bad_json, array_size(bad) }, { test_bad_config, array_size(bad_configs) },
	       { test_too_deep, 0 }, { test_numbers_keep_64_bits, 0 })
