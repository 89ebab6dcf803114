// SPDX-License-Identifier: LGPL-2.1-or-later
/* Only what a process has once; the program is xl_main, which tests call as well. */
#include "xl/xl.h"

int main(int argc, char **argv)
{
	return xl_main(argc, argv, XEN_CONF_DIR "/xl.conf", stdout, stderr);
}
