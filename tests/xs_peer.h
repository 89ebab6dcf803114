/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_XS_PEER_H
#define TESTS_XS_PEER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include "xs/proto.h"

/*
 * A store daemon that keeps to a script, in a child process: for what a real one does not do on
 * demand. A broken expectation is the child's exit status, which peer_finish checks.
 */

#define peer_check(cond)                                                                   \
	do {                                                                               \
		if (!(cond)) {                                                             \
			fprintf(stderr, "%s:%d: peer: %s\n", __FILE__, __LINE__, #cond);   \
			_exit(1);                                                          \
		}                                                                          \
	} while (0)

/* Run the script over one end of a socket pair; the other is returned. */
int peer_start(void (*script)(int fd));
/* Run it for the first connection to a socket that XENSTORED_PATH then names. */
void peer_listen(void (*script)(int fd));
void peer_finish(void);

/* For scripts. body has room for XS_PAYLOAD_MAX + 1 bytes and gets a NUL. */
struct xs_header peer_take(int fd, char *body);
void peer_write(int fd, const void *data, size_t len);
void peer_send(int fd, uint32_t type, uint32_t id, uint32_t tx, const void *data, size_t len);
/* Take a request that must be of this type and payload, and answer it (NULL: "OK"). */
struct xs_header peer_expect(int fd, enum xs_type type, const void *payload, size_t len);
void peer_answer(int fd, enum xs_type type, const void *payload, size_t len, const void *answer,
		 size_t answer_len);
void peer_refuse(int fd, enum xs_type type, const void *payload, size_t len, const char *error);
void peer_silence(int fd);	/* read until the client hangs up */

#endif
