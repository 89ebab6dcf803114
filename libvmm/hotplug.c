/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hotplug steps without a shell: bridge ports by ioctl, loop devices by ioctl; and scripts, for
 * everything else. It knows Linux; it does not know devices, the store or how long a step may take
 * (device.c does).
 */
#include "libvmm/hotplug.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "libvmm/spawn.h"

#define LOOP_RETRIES 32		/* somebody else may take the free loop device first */

extern char **environ;

char *hotplug_script_path(const char *script)
{
	if (script[0] == '/')
		return xstrdup(script);
	return str_printf(XEN_CONF_DIR "/scripts/%s", script);
}

/* --- scripts ---------------------------------------------------------------------------------- */

static bool is_overridden(const char *var, const struct strlist *env)
{
	size_t len = strcspn(var, "=") + 1;

	for (size_t i = 0; i < env->n; i++)
		if (strncmp(var, env->v[i], len) == 0)
			return true;
	return false;
}

int hotplug_start(const char *script, const char *args, const struct strlist *env,
		  struct hotplug_script *out, struct err *err)
{
	autostrlist struct strlist argv = STRLIST_INIT, envp = STRLIST_INIT;
	int ret;

	if (access(script, X_OK) < 0)
		return err_set(err, errno, "script %s: %s", script,
			       errno == EACCES ? "not executable (chmod +x)" : strerror(errno));
	strlist_add(&argv, script);
	strlist_split(&argv, args, " ");
	for (char **v = environ; v != NULL && *v != NULL; v++)
		if (!is_overridden(*v, env))
			strlist_add(&envp, *v);
	for (size_t i = 0; i < env->n; i++)
		strlist_add(&envp, env->v[i]);
	ret = spawn(script, argv.v, envp.v, SPAWN_STEP, &out->pid);
	if (ret != 0) {
		out->pid = 0;
		return err_set(err, ret, "script %s: %s", script, strerror(ret));
	}
	out->fd = (int)syscall(SYS_pidfd_open, out->pid, 0);
	if (out->fd < 0) {
		err_set(err, errno, "script %s: waiting for it: %s", script, strerror(errno));
		hotplug_kill(out);
		return -1;
	}
	return 0;
}

int hotplug_finish(struct hotplug_script *s, struct err *err)
{
	int status = 0;

	while (waitpid(s->pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_set(err, errno, "waiting for the script: %s", strerror(errno));
	}
	close(s->fd);
	s->pid = 0;
	if (WIFSIGNALED(status))
		return err_set(err, EIO, "the script was ended by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_set(err, EIO, "the script failed with exit status %d",
			       WEXITSTATUS(status));
	return 0;
}

void hotplug_kill(struct hotplug_script *s)
{
	if (s->pid == 0)
		return;
	kill(-s->pid, SIGKILL);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (s->fd >= 0)
		close(s->fd);
	s->pid = 0;
}

/* --- bridge ports ----------------------------------------------------------------------------- */

static int if_request(int fd, unsigned long request, struct ifreq *ifr, const char *what,
		      struct err *err)
{
	if (ioctl(fd, request, ifr) < 0)
		return err_set(err, errno, "%s: %s", what, strerror(errno));
	return 0;
}

static void set_name(char name[IFNAMSIZ], const char *value)
{
	snprintf(name, IFNAMSIZ, "%s", value);
}

static int bridge_add(int fd, const char *bridge, const char *port, struct err *err)
{
	struct ifreq ifr = { 0 };
	int index = (int)if_nametoindex(port);

	if (index == 0)
		return err_set(err, ENODEV, "the backend made no interface %s", port);
	if (if_nametoindex(bridge) == 0)
		return err_set(err, ENODEV,
			       "there is no bridge '%s' on this machine: make it (ip link add %s "
			       "type bridge) or name "
			       "another with bridge=",
			       bridge, bridge);
	set_name(ifr.ifr_name, bridge);
	ifr.ifr_ifindex = index;
	if (ioctl(fd, SIOCBRADDIF, &ifr) == 0 || errno == EBUSY) /* EBUSY: it is a port already */
		return 0;
	if (errno == EOPNOTSUPP)
		return err_set(err, errno,
			       "'%s' is no bridge of the kernel; for Open vSwitch use "
			       "script=vif-openvswitch",
			       bridge);
	return err_set(err, errno, "adding %s to bridge %s: %s", port, bridge, strerror(errno));
}

/* A port with a smaller mtu would lower the bridge's own, for everybody on it. */
static int bridge_mtu(int fd, const char *bridge, int *mtu, struct err *err)
{
	struct ifreq ifr = { 0 };

	if (if_nametoindex(bridge) == 0)
		return 0;	/* bridge_add says so */
	set_name(ifr.ifr_name, bridge);
	if (if_request(fd, SIOCGIFMTU, &ifr, "reading the bridge's mtu", err) < 0)
		return -1;
	*mtu = ifr.ifr_mtu;
	return 0;
}

static int if_prepare(int fd, const char *name, int mtu, struct err *err)
{
	struct ifreq ifr = { 0 };

	/* All backends share one address, high enough that a bridge never takes it for its own. */
	set_name(ifr.ifr_name, name);
	ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(ifr.ifr_hwaddr.sa_data, "\xfe\xff\xff\xff\xff\xff", 6);
	if (if_request(fd, SIOCSIFHWADDR, &ifr, "setting the address of the interface", err) < 0)
		return -1;
	if (mtu == 0)
		return 0;
	memset(&ifr, 0, sizeof(ifr));
	set_name(ifr.ifr_name, name);
	ifr.ifr_mtu = mtu;
	return if_request(fd, SIOCSIFMTU, &ifr, "setting the mtu", err);
}

static int if_rename(int fd, const char *from, const char *to, struct err *err)
{
	struct ifreq ifr = { 0 };

	set_name(ifr.ifr_name, from);
	set_name(ifr.ifr_newname, to);
	if (ioctl(fd, SIOCSIFNAME, &ifr) < 0)
		return err_set(err, errno, "naming the interface '%s': %s", to,
			       errno == EEXIST ? "there is one with that name already (vifname=)"
					       : strerror(errno));
	return 0;
}

static int if_up(int fd, const char *name, struct err *err)
{
	struct ifreq ifr = { 0 };

	set_name(ifr.ifr_name, name);
	if (if_request(fd, SIOCGIFFLAGS, &ifr, "reading the interface's flags", err) < 0)
		return -1;
	ifr.ifr_flags |= IFF_UP;
	return if_request(fd, SIOCSIFFLAGS, &ifr, "bringing the interface up", err);
}

int hotplug_bridge_port(const char *vif, const char *new_name, const char *bridge, int mtu,
			struct err *err)
{
	autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const char *name = new_name != NULL ? new_name : vif;

	if (fd < 0)
		return err_set(err, errno, "a socket for the bridge: %s", strerror(errno));
	if (new_name != NULL && if_nametoindex(vif) != 0 && if_rename(fd, vif, new_name, err) < 0)
		return -1;
	if (if_nametoindex(name) == 0)
		return err_set(err, ENODEV, "the backend made no interface %s", name);
	if (mtu == 0 && bridge_mtu(fd, bridge, &mtu, err) < 0)
		return err_wrap(err, "bridge %s", bridge);
	if (if_prepare(fd, name, mtu, err) < 0 || bridge_add(fd, bridge, name, err) < 0 ||
	    if_up(fd, name, err) < 0)
		return err_wrap(err, "interface %s", name);
	return 0;
}

/* --- block devices and image files ------------------------------------------------------------ */

/* Two writers on one image destroy it. Both reading is fine. `but`: a loop device that does not
 * count, or NULL. */
static int check_image_is_free(const char *path, const struct stat *st, bool is_readonly,
			       const char *but, struct err *err)
{
	DIR *dir = opendir("/sys/block");
	struct dirent *e;
	int ret = 0;

	if (dir == NULL)
		return 0;
	while (ret == 0 && (e = readdir(dir)) != NULL) {
		autofree char *backing = NULL, *node = NULL;
		struct loop_info64 info;
		autoclose int fd = -1;

		if (strncmp(e->d_name, "loop", 4) != 0)
			continue;
		backing = str_printf("/sys/block/%s/loop",
				     e->d_name); /* there only while it is in use */
		if (access(backing, F_OK) < 0)
			continue;
		node = str_printf("/dev/%s", e->d_name);
		if (but != NULL && strcmp(node, but) == 0)
			continue;
		fd = open(node, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || ioctl(fd, LOOP_GET_STATUS64, &info) < 0)
			continue;
		if (info.lo_device == st->st_dev && info.lo_inode == st->st_ino &&
		    (!is_readonly || (info.lo_flags & LO_FLAGS_READ_ONLY) == 0))
			ret = err_set(err, EBUSY,
				      "%s is in use by %s: two writers would destroy it; detach it "
				      "there, or losetup -d "
				      "%s if nothing uses it any more",
				      path, node, node);
	}
	closedir(dir);
	return ret;
}

/* Binds `image` to the first free loop device. Direct I/O where the file system can: data is cached
 * in the guest already. */
static int loop_bind(int image, bool is_readonly, const char *path, char **node, struct err *err)
{
	autoclose int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	if (control < 0)
		return err_set(err, errno, "/dev/loop-control: %s (is the loop module loaded?)",
			       strerror(errno));
	for (int i = 0; i < LOOP_RETRIES; i++) {
		struct loop_config config = { .fd = (unsigned)image };
		int number = ioctl(control, LOOP_CTL_GET_FREE);
		autofree char *name = str_printf("/dev/loop%d", number);
		autoclose int fd = -1;

		if (number < 0)
			return err_set(err, errno, "no free loop device: %s", strerror(errno));
		fd = open(name, (is_readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
		if (fd < 0)
			return err_set(err, errno, "%s: %s", name, strerror(errno));
		config.info.lo_flags = (is_readonly ? LO_FLAGS_READ_ONLY : 0) | LO_FLAGS_DIRECT_IO;
		snprintf((char *)config.info.lo_file_name, LO_NAME_SIZE, "%s", path);
		if (ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
			*node = steal(name);
			return 0;
		}
		if (errno == EINVAL) {
			config.info.lo_flags &= ~(unsigned)LO_FLAGS_DIRECT_IO;
			if (ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
				*node = steal(name);
				return 0;
			}
		}
		if (errno != EBUSY)
			return err_set(err, errno, "binding %s to %s: %s", path, name,
				       strerror(errno));
	}
	return err_set(err, EBUSY, "no loop device stays free long enough to be used");
}

static int block_stat(const char *path, struct hotplug_block *out, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	out->path = xstrdup(path);
	out->major = major(st.st_rdev);
	out->minor = minor(st.st_rdev);
	return 0;
}

static int block_of_image(int fd, const char *path, const struct stat *st, bool is_readonly,
			  bool is_shared, struct hotplug_block *out, struct err *err)
{
	autofree char *node = NULL;

	if (st->st_size < 512)
		return err_set(err, EINVAL, "%s: %lld bytes are no disk image", path,
			       (long long)st->st_size);
	if (!is_shared && check_image_is_free(path, st, is_readonly, NULL, err) < 0)
		return -1;
	if (loop_bind(fd, is_readonly, path, &node, err) < 0)
		return -1;
	out->is_loop = true;
	/* Looked at again: of two that bind it at the same time, both see the other now. */
	if ((!is_shared && check_image_is_free(path, st, is_readonly, node, err) < 0) ||
	    block_stat(node, out, err) < 0) {
		struct err ignored = ERR_INIT;

		if (hotplug_loop_release(node, &ignored) < 0)
			err_append(err, "%s", ignored.msg);
		return -1;
	}
	return 0;
}

int hotplug_block_open(const char *path, bool is_readonly, bool is_shared,
		       struct hotplug_block *out, struct err *err)
{
	autoclose int fd = -1;
	struct stat st;
	int flags;

	memset(out, 0, sizeof(*out));
	if (stat(path, &st) < 0)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "%s: neither a block device nor an image file", path);
	/* O_EXCL on a block device: refused while it is mounted or part of something else. */
	flags = is_readonly ? O_RDONLY : O_RDWR | (S_ISBLK(st.st_mode) && !is_shared ? O_EXCL : 0);
	fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == EBUSY)
		return err_set(err, errno,
			       "%s is mounted or otherwise in use on this machine; attach it "
			       "read-only (access=ro) or "
			       "free it",
			       path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	if (S_ISREG(st.st_mode))
		return block_of_image(fd, path, &st, is_readonly, is_shared, out, err);
	out->path = xstrdup(path);
	out->major = major(st.st_rdev);
	out->minor = minor(st.st_rdev);
	return 0;
}

void hotplug_block_free(struct hotplug_block *b)
{
	free(b->path);
	memset(b, 0, sizeof(*b));
}

int hotplug_loop_release(const char *loop, struct err *err)
{
	autoclose int fd = open(loop, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : err_set(err, errno, "%s: %s", loop, strerror(errno));
	if (ioctl(fd, LOOP_CLR_FD) < 0 && errno != ENXIO)
		return err_set(err, errno, "releasing %s: %s", loop, strerror(errno));
	return 0;
}
