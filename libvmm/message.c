// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Requests to a guest over a page that it shares and an event channel: what an RTOS beside a Linux
 * domain 0 talks with. Everything the guest can write (its part of the store, the page) is bounded
 * here and read once; what the words mean is the two ends' business.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/internal.h"

#define MESSAGE_DIR "data/message"
#define MESSAGE_MAGIC 0x4d585641u	/* "AVXM" */
#define REQUEST_MAX 1024u
#define REPLY_MAX 2048u

/* As xl(1) describes it; the sequence numbers tell a request or a reply that is there from one that
 * is not. */
struct message_page {
	_Atomic uint32_t magic, request_seq, reply_seq, request_len, reply_len;
	uint32_t pad[3];
	char request[REQUEST_MAX], reply[REPLY_MAX];
};
_Static_assert(sizeof(struct message_page) <= HV_PAGE_SIZE, "it is one page");

static int read_number(struct vmm *vmm, uint32_t domid, const char *node, uint64_t *out,
		       struct err *err)
{
	autofree char *path = str_printf(MESSAGE_DIR "/%s", node), *value = NULL;

	if (vmm_domain_guest_node(vmm, domid, path, &value, err) < 0)
		return -1;
	if (!value)
		return err_set(err, ENOENT, "it offers no messages (no node " MESSAGE_DIR "/%s)",
			       node);
	return num_dec(value, UINT32_MAX - 1, path, out, err);
}

/* Rings and waits for the answer to request `seq`. 1: it is there; 0: not in time. */
static int await_reply(struct hv_peer *peer, volatile struct message_page *page, uint32_t seq,
		       uint64_t end, struct err *err)
{
	if (hv_peer_notify(peer, err) < 0)
		return -1;
	while (atomic_load(&page->reply_seq) != seq) {
		uint64_t now = time_ms();

		if (now >= end)
			return 0;
		if (hv_peer_wait(peer, (int)(end - now), err) < 0)
			return -1;
	}
	return 1;
}

static int exchange(struct hv_peer *peer, const char *request, int timeout_ms, char **reply,
		    struct err *err)
{
	volatile struct message_page *page = hv_peer_page(peer);
	uint64_t end = time_ms() + (uint64_t)timeout_ms;
	uint32_t seq, len = (uint32_t)strlen(request);
	autofree char *text = NULL;
	int r;

	if (atomic_load(&page->magic) != MESSAGE_MAGIC)
		return err_set(err, EPROTO, "the page it shares is not one for messages");
	seq = atomic_load(&page->request_seq);
	/* Left by one who gave up, or was killed, perhaps before he rang. */
	if (seq != atomic_load(&page->reply_seq)) {
		r = await_reply(peer, page, seq, end, err);
		if (r == 0)
			err_set(err, EBUSY, "its last request is not answered yet");
		if (r <= 0)
			return -1;
	}
	for (uint32_t i = 0; i < len; i++)
		page->request[i] = request[i];
	atomic_store(&page->request_len, len);
	atomic_store(&page->request_seq, ++seq);
	r = await_reply(peer, page, seq, end, err);
	if (r == 0)
		err_set(err, ETIMEDOUT, "it did not answer within %d ms", timeout_ms);
	if (r <= 0)
		return -1;
	len = atomic_load(&page->reply_len);
	if (len > REPLY_MAX)
		return err_set(err, EPROTO, "its answer claims %u bytes, of which %u fit", len,
			       REPLY_MAX);
	text = xcalloc(len + 1, 1);
	for (uint32_t i = 0; i < len; i++)
		text[i] = page->reply[i];
	str_printable(text);
	*reply = steal(text);
	return 0;
}

static int ask(struct vmm *vmm, uint32_t domid, const char *request, int timeout_ms, char **reply,
	       struct err *err)
{
	uint64_t ref, port;
	struct hv_peer *peer;
	int r;

	if (strlen(request) > REQUEST_MAX)
		return err_set(err, E2BIG, "the request has %zu bytes; %u fit", strlen(request),
			       REQUEST_MAX);
	if (read_number(vmm, domid, "grant-ref", &ref, err) < 0 ||
	    read_number(vmm, domid, "event-channel", &port, err) < 0 || !vmm_hv(vmm, err) ||
	    hv_peer_open(vmm->hv, domid, (uint32_t)ref, (uint32_t)port, &peer, err) < 0)
		return -1;
	r = exchange(peer, request, timeout_ms, reply, err);
	hv_peer_close(peer);
	return r;
}

int vmm_message(struct vmm *vmm, uint32_t domid, const char *request, int timeout_ms, char **reply,
		struct err *err)
{
	return ask(vmm, domid, request, timeout_ms, reply, err) < 0
		       ? err_wrap(err, "domain %u", domid)
		       : 0;
}
