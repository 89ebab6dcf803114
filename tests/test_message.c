// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Requests to a guest over the page it shares, with a guest that answers, keeps silent, lies or
 * offers nothing, and with everything failing once.
 */
#include "tests/test.h"

#include <errno.h>
#include <string.h>
#include "base/str.h"
#include "libvmm/internal.h"
#include "tests/fake/fake.h"
#include "tests/fake/point.h"
#include "tests/fake/xenstore.h"

enum { PAGE_GFN = 0x40003, GRANT_REF = 9, TIMEOUT_MS = 5000 };

/* The page as xl(1) has it under "message", written down once more. */
struct page {
	uint32_t magic, request_seq, reply_seq, request_len, reply_len, pad[3];
	char request[1024], reply[2048];
};

static struct vmm *vmm;
static struct err err;
static struct {
	struct page *page;
	uint32_t domid;
	uint32_t port;
	bool is_silent;
} peer;

/* As tests/guests/message.c does, in short: what it is told it says, but for "lie". */
static void guest_answers(uint32_t domid, uint32_t port)
{
	struct page *p = peer.page;

	if (domid != peer.domid || port != peer.port || peer.is_silent)
		return;
	if (p->reply_seq == p->request_seq)
		return;
	memcpy(p->reply, p->request, p->request_len);
	p->reply_len = p->request_len;
	if (p->request_len == 3 && !memcmp(p->request, "lie", 3))
		p->reply_len = 0xfffffff0;
	p->reply_seq = p->request_seq;
	fake_guest_notify(domid, port);
}

static void offer(const char *node, unsigned value)
{
	autofree char *path = str_printf("/local/domain/%u/data/message/%s", peer.domid, node);
	autofree char *text = str_printf("%u", value);

	fake_store_set(path, text);
}

static void make_guest(void)
{
	peer.domid = fake_domain_make(16);
	peer.page = fake_guest_page(peer.domid, PAGE_GFN);
	peer.page->magic = 0x4d585641;
	peer.port = fake_port_make(peer.domid);
	peer.is_silent = false;
	fake_grant(peer.domid, GRANT_REF, PAGE_GFN);
	fake_on_guest_kick(guest_answers);
	offer("grant-ref", GRANT_REF);
	offer("event-channel", peer.port);
}

static void start(void)
{
	fake_store_start();
	ck_ok(vmm_open(&vmm, &err), &err);
	make_guest();
}

static void finish(void)
{
	fake_domain_kill(peer.domid);
	vmm_close(vmm);
	ck_assert_msg(!fake_leftover(), "%s is left", fake_leftover());
	fake_store_stop();
}

static void answers(const char *request, const char *wanted)
{
	autofree char *reply = NULL;

	ck_ok(vmm_message(vmm, peer.domid, request, TIMEOUT_MS, &reply, &err), &err);
	ck_assert_str_eq(reply, wanted);
}

static void refused(const char *request, int timeout_ms, int code, const char *words)
{
	char *none = NULL;

	ck_fails(vmm_message(vmm, peer.domid, request, timeout_ms, &none, &err), &err, code, words);
	ck_assert_ptr_null(none);
}

START_TEST(a_request_is_answered)
{
	char most[1025] = "";

	start();
	answers("ping", "ping");
	answers("", "");
	answers("two\nlines\33[2J", "two?lines?[2J");
	memset(most, 'm', 1024);
	answers(most, most);
	finish();
}
END_TEST

START_TEST(what_the_guest_claims_is_checked)
{
	char more[1026] = "";

	start();
	memset(more, 'm', 1025);
	refused(more, TIMEOUT_MS, E2BIG, "1025 bytes; 1024 fit");
	refused("lie", TIMEOUT_MS, EPROTO, "claims 4294967280 bytes");
	answers("ping", "ping");
	peer.page->magic = 0;
	refused("ping", TIMEOUT_MS, EPROTO, "not one for messages");
	finish();
}
END_TEST

START_TEST(what_the_guest_offers_is_checked)
{
	static const struct {
		const char *text;
		int code;
	} refs[] = {
		{ "-1", EINVAL }, { "4294967295", ERANGE }, { "99999999999999999999", ERANGE },
		{ "nine", EINVAL }, { "", EINVAL }, { "0x8", EINVAL },
	};
	uint32_t domid;

	start();
	domid = peer.domid;
	offer("grant-ref", GRANT_REF + 1);
	refused("ping", TIMEOUT_MS, EINVAL, "ref=10");
	offer("grant-ref", GRANT_REF);
	offer("event-channel", peer.port + 1);
	refused("ping", TIMEOUT_MS, EINVAL, "port=");
	offer("event-channel", peer.port);
	answers("ping", "ping");
	autofree char *path = str_printf("/local/domain/%u/data/message/grant-ref", peer.domid);

	for (size_t i = 0; i < array_size(refs); i++) {
		fake_store_set(path, refs[i].text);
		refused("ping", TIMEOUT_MS, refs[i].code, "data/message/grant-ref");
	}
	fake_store_set(path, NULL);
	refused("ping", TIMEOUT_MS, ENOENT, "offers no messages");
	peer.domid = 0;
	refused("ping", TIMEOUT_MS, ENOENT, "offers no messages");
	peer.domid = domid;
	finish();
}
END_TEST

/* A request that its sender gave up, or was killed before he rang for it. */
START_TEST(a_request_left_unanswered_is_waited_for)
{
	start();
	peer.is_silent = true;
	refused("ping", 10, ETIMEDOUT, "did not answer within 10 ms");
	refused("again", 10, EBUSY, "last request is not answered yet");
	peer.is_silent = false;
	answers("again", "again");
	peer.page->request_seq++;
	answers("rung for", "rung for");
	finish();
}
END_TEST

START_TEST(events_without_an_answer_are_no_answer)
{
	start();
	peer.is_silent = true;
	fake_guest_notify(peer.domid, peer.port);
	refused("ping", 10, ETIMEDOUT, "did not answer");
	finish();
}
END_TEST

/* One call fails: there is an error, nothing stays mapped or bound, and the next is answered. */
static void with_faults(enum fault_kind kind)
{
	start();
	for (unsigned nth = 1;; nth++) {
		char *reply = NULL;
		int r;

		err_clear(&err);
		point_arm(nth, kind, nth);
		r = vmm_message(vmm, peer.domid, "ping", 10, &reply, &err);
		bool failed = point_disarm();

		ck_assert_msg(r < 0 ? !reply && err.code && !strstr(err.msg, "Success") :
				      !strcmp(reply, "ping"),
			      "point %u, %s: %d '%s'", nth, point_name(), err.code, err.msg);
		free(reply);
		answers("next", "next");
		if (!failed)
			break;
		ck_assert_uint_lt(nth, 100);
	}
	finish();
}

START_TEST(one_fault_on_the_way)
{
	with_faults(FAULT_TRANSIENT);
}
END_TEST

START_TEST(faults_from_there_on)
{
	with_faults(FAULT_STICKY);
}
END_TEST

TEST_MAIN("message", a_request_is_answered, what_the_guest_claims_is_checked,
	  what_the_guest_offers_is_checked, a_request_left_unanswered_is_waited_for,
	  events_without_an_answer_are_no_answer, one_fault_on_the_way, faults_from_there_on)
