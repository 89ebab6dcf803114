/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* base/hash: against a plain array over a long run of changes, and without memory. */
#include "base/hash.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "tests/fault.h"
#include "tests/test.h"

START_TEST(empty)
{
	struct hash *h = hash_new();
	size_t cursor = 0;

	ck_assert_uint_eq(hash_count(h), 0);
	ck_assert_ptr_null(hash_get(h, "a", 1));
	ck_assert_ptr_null(hash_del(h, "a", 1));
	ck_assert_ptr_null(hash_next(h, &cursor, NULL, NULL));
	hash_free(h);
	hash_free(NULL);
}
END_TEST

START_TEST(keys_are_bytes_and_are_copied)
{
	struct hash *h = hash_new();
	char key[] = "a\0b";
	int one, two, none;
	void *old = &none;

	ck_assert_int_eq(hash_set(h, key, 3, &one, &old), 0);
	ck_assert_ptr_null(old);
	ck_assert_ptr_null(hash_get(h, key, 1));
	ck_assert_int_eq(hash_set(h, key, 1, &two, NULL), 0);
	ck_assert_int_eq(hash_set(h, key, 0, &none, NULL), 0);
	key[0] = 'z';
	ck_assert_ptr_eq(hash_get(h, "a\0b", 3), &one);
	ck_assert_ptr_eq(hash_get(h, "a", 1), &two);
	ck_assert_ptr_eq(hash_get(h, NULL, 0), &none);
	ck_assert_int_eq(hash_set(h, "a", 1, &one, &old), 0);
	ck_assert_ptr_eq(old, &two);
	ck_assert_uint_eq(hash_count(h), 3);
	hash_free(h);
}
END_TEST

#define NR_KEYS 500

START_TEST(agrees_with_an_array)
{
	struct hash *h = hash_new();
	bool there[NR_KEYS] = { false };
	char keys[NR_KEYS][24];
	unsigned random = 1, count = 0;
	int lens[NR_KEYS];

	for (int k = 0; k < NR_KEYS; k++)
		lens[k] = snprintf(keys[k], sizeof(keys[k]), "/local/domain/%d", k);
	for (unsigned i = 0; i < 100000; i++) {
		unsigned k;

		random = random * 1103515245 + 12345;
		k = (random >> 16) % NR_KEYS;
		if (random >> 30) {
			int r = hash_set(h, keys[k], (size_t)lens[k], &there[k], NULL);

			ck_cheap(r == 0, "%s is not set", keys[k]);
			count += !there[k];
			there[k] = true;
		} else {
			void *v = hash_del(h, keys[k], (size_t)lens[k]);

			ck_cheap(v == (there[k] ? &there[k] : NULL), "%s: %p", keys[k], v);
			count -= there[k];
			there[k] = false;
		}
		ck_cheap(hash_count(h) == count, "%zu entries, not %u", hash_count(h), count);
	}
	for (int k = 0; k < NR_KEYS; k++)
		ck_assert_ptr_eq(hash_get(h, keys[k], (size_t)lens[k]),
				 there[k] ? &there[k] : NULL);
	hash_free(h);
}
END_TEST

START_TEST(a_walk_sees_each_once_and_may_delete)
{
	struct hash *h = hash_new();
	unsigned seen[NR_KEYS] = { 0 };
	size_t cursor = 0, len;
	const void *key;
	unsigned *v;

	for (unsigned k = 0; k < NR_KEYS; k++)
		ck_assert_int_eq(hash_set(h, &k, sizeof(k), &seen[k], NULL), 0);
	while ((v = hash_next(h, &cursor, &key, &len))) {
		unsigned k;

		ck_assert_uint_eq(len, sizeof(k));
		memcpy(&k, key, sizeof(k));
		ck_assert_ptr_eq(v, &seen[k]);
		seen[k]++;
		if (k % 2)
			ck_assert_ptr_eq(hash_del(h, &k, sizeof(k)), v);
	}
	for (unsigned k = 0; k < NR_KEYS; k++)
		ck_assert_uint_eq(seen[k], 1);
	ck_assert_uint_eq(hash_count(h), NR_KEYS / 2);
	hash_free(h);
}
END_TEST

/* Adds and deletes for ever must neither fill the table with marks nor let it grow. */
START_TEST(churn_is_bounded)
{
	struct hash *h = hash_new();

	for (unsigned k = 0; k < 200000; k++) {
		bool is_right = hash_set(h, &k, sizeof(k), h, NULL) == 0 &&
				hash_del(h, &k, sizeof(k)) == h && !hash_get(h, &k, sizeof(k));

		ck_cheap(is_right, "key %u", k);
	}
	hash_free(h);
}
END_TEST

START_TEST(without_memory_nothing_changes)
{
	for (unsigned nth = 1;; nth++) {
		unsigned set = 0, failed = 0;
		struct hash *h;
		bool fired;

		fault_arm(nth, FAULT_TRANSIENT);
		h = hash_new();
		for (unsigned k = 0; h && k < 40; k++) {
			int result = hash_set(h, &k, sizeof(k), h, NULL);

			set += result == 0;
			failed += result < 0;
		}
		fired = fault_disarm();
		if (h)
			ck_assert_uint_eq(hash_count(h), set);
		ck_assert_uint_eq(set + failed, h ? 40 : 0);
		ck_assert_uint_eq(failed, h && fired ? 1 : 0);
		for (unsigned k = 0; h && k < 40; k++)
			set -= hash_get(h, &k, sizeof(k)) == h;
		ck_assert_uint_eq(set, 0);
		hash_free(h);
		if (!fired)
			break;
	}
}
END_TEST

START_TEST(the_hash_depends_on_every_byte)
{
	unsigned char key[40] = { 0 };
	uint64_t plain;

	for (size_t len = 1; len <= sizeof(key); len++) {
		plain = hash_bytes(key, len);
		ck_assert_uint_eq(plain, hash_bytes(key, len));
		ck_assert_uint_ne(plain, hash_bytes(key, len - 1));
		for (size_t i = 0; i < len; i++) {
			key[i] ^= 0x80;
			ck_assert_uint_ne(plain, hash_bytes(key, len));
			key[i] ^= 0x80;
		}
	}
}
END_TEST

TEST_MAIN("hash", empty, keys_are_bytes_and_are_copied, agrees_with_an_array,
	  a_walk_sees_each_once_and_may_delete, churn_is_bounded, without_memory_nothing_changes,
	  the_hash_depends_on_every_byte)
