/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_XL_RUN_H
#define TESTS_XL_RUN_H

/* Runs the xl program in this process with the words, separated by '|', and the xl.conf of that
 * path. Returns its exit status; *out and *note, NULL or of the run before, hold what it printed to
 * either side. */
int xl_run(const char *words, const char *conf, char **out, char **note);

#endif
