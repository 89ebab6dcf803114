/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Network interfaces: xen/io/netif.h, docs/misc/xenstore-paths. The backend creates vifDOMID.DEVID
 * when the nodes are there; the hotplug step then makes it a port of a bridge: by this library, or
 * by a script when one is named.
 */
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/num.h"
#include "libvmm/devtable.h"
#include "libvmm/hotplug.h"

#define DEFAULT_BRIDGE "xenbr0"
#define DEFAULT_MTU 1500
#define DEFAULT_INTERVAL_US 50000u

struct dev_vif {
	struct vmm_device dev;
	int32_t mtu;
	char *vlan, *model, *ip, *bridge, *ifname, *script, *gatewaydev, *rate;
	uint8_t mac[6];
	unsigned type;
	uint64_t rate_bytes;
	uint32_t rate_interval_us;
	enum tri trusted;
	char *accel;		/* accepted and without effect, as in upstream */
};

enum { VIF_IOEMU = 1, VIF_PV };
static const char *const json_types[] = { "unknown", "vif_ioemu", "vif", NULL };
static const char *const spec_types[] = { "unknown", "ioemu", "vif", NULL };

static const struct field fields[] = {
	DEVICE_BACKEND_ROWS,
	DEVICE_DEVID_ROW,
	{ .key = "devid",
	  .offset = FIELD_OFFSET(struct vmm_device, devid, int32_t),
	  .type = FIELD_T_DEVID,
	  .where = FIELD_SPEC,
	  .max = 65535 },
	FIELD_I32(struct dev_vif, mtu, "mtu", "mtu", FIELD_SPEC, .min = 68, .max = 65535),
	FIELD_STR(struct dev_vif, vlan, "vlan", "vlan", FIELD_SPEC | FIELD_BACK),
	FIELD_STR(struct dev_vif, model, "model", "model", FIELD_SPEC),
	FIELD_MAC(struct dev_vif, mac, "mac", "mac", FIELD_SPEC | FIELD_BACK | FIELD_FRONT),
	FIELD_STR(struct dev_vif, ip, "ip", "ip", FIELD_SPEC | FIELD_BACK),
	FIELD_STR(struct dev_vif, bridge, "bridge", "bridge", FIELD_SPEC, .max = IFNAMSIZ + 64),
	FIELD_STR(struct dev_vif, ifname, "vifname", "ifname", FIELD_SPEC | FIELD_BACK,
		  .max = IFNAMSIZ - 1),
	FIELD_STR(struct dev_vif, script, "script", "script", FIELD_SPEC),
	FIELD_ENUM(struct dev_vif, type, NULL, "nictype", 0, json_types),
	FIELD_ENUM(struct dev_vif, type, "type", NULL, FIELD_SPEC, spec_types),
	FIELD_U64(struct dev_vif, rate_bytes, NULL, "rate_bytes_per_interval", 0),
	FIELD_U32(struct dev_vif, rate_interval_us, NULL, "rate_interval_usecs", 0),
	FIELD_STR(struct dev_vif, rate, "rate", NULL, FIELD_SPEC),
	FIELD_STR(struct dev_vif, gatewaydev, "gatewaydev", "gatewaydev", FIELD_SPEC | FIELD_BACK,
		  .max = IFNAMSIZ - 1),
	FIELD_STR(struct dev_vif, gatewaydev, "netdev", NULL, FIELD_SPEC, .max = IFNAMSIZ - 1),
	FIELD_STR(struct dev_vif, accel, "accel", NULL, FIELD_SPEC),
	FIELD_TRI(struct dev_vif, trusted, NULL, "trusted", 0),
	FIELD_WORD(struct dev_vif, trusted, "trusted", TRI_YES),
	FIELD_WORD(struct dev_vif, trusted, "untrusted", TRI_NO),
	FIELDS_END,
};

/* --- rate=N[K|M|G](B|b)/s[@N(s|ms|us)] -------------------------------------------------------- */

static int bad_rate(const char *rate, struct err *err)
{
	return err_set(err, EINVAL, "rate: '%s' is not of the form 10MB/s, 100Kb/s or 1GB/s@20ms",
		       rate);
}

static int parse_interval(const char *text, const char *rate, uint32_t *us, struct err *err)
{
	size_t digits = strspn(text, "0123456789");
	autofree char *number = xstrndup(text, digits);
	uint64_t unit, n;

	if (strcmp(text + digits, "s") == 0)
		unit = 1000000;
	else if (strcmp(text + digits, "ms") == 0)
		unit = 1000;
	else if (strcmp(text + digits, "us") == 0)
		unit = 1;
	else
		return bad_rate(rate, err);
	if (num_u64(number, 1, UINT32_MAX, "rate: interval", &n, err) < 0)
		return -1;
	if (!num_mul(n, unit, &n) || n > UINT32_MAX)
		return err_set(err, EINVAL, "rate: an interval is at most %u s",
			       UINT32_MAX / 1000000);
	*us = (uint32_t)n;
	return 0;
}

static int parse_rate(struct dev_vif *v, struct err *err)
{
	static const char units[] = "KMG";
	size_t digits = strspn(v->rate, "0123456789");
	autofree char *number = xstrndup(v->rate, digits);
	const char *p = v->rate + digits, *unit;
	uint64_t n, per_s = 1;
	bool is_bits;

	unit = *p != '\0' ? strchr(units, *p) : NULL;
	if (unit != NULL)
		p++;
	is_bits = *p == 'b';
	if (digits == 0 || (*p != 'b' && *p != 'B') || !str_starts(p + 1, "/s"))
		return bad_rate(v->rate, err);
	p += 3;
	v->rate_interval_us = DEFAULT_INTERVAL_US;
	if (*p != '\0' && *p != '@')
		return bad_rate(v->rate, err);
	if (*p == '@' && parse_interval(p + 1, v->rate, &v->rate_interval_us, err) < 0)
		return -1;
	for (ptrdiff_t i = 0; unit != NULL && i <= unit - units; i++)
		per_s *= 1000;
	if (num_u64(number, 1, UINT64_MAX / 2, "rate", &n, err) < 0)
		return -1;
	if (!num_mul(n, per_s, &per_s) || (is_bits ? per_s /= 8 : per_s) == 0 ||
	    !num_mul(per_s, v->rate_interval_us, &n) || (v->rate_bytes = n / 1000000) > UINT32_MAX)
		return err_set(err, ERANGE, "rate: '%s' is out of range", v->rate);
	return 0;
}

/* --- the specification ------------------------------------------------------------------------ */

static int vif_parse(struct vmm_device *dev, const char *spec, struct err *err)
{
	struct dev_vif *v = container_of(dev, struct dev_vif, dev);

	if (fields_parse(fields, v, spec, err) < 0)
		return -1;
	return v->rate != NULL ? parse_rate(v, err) : 0;
}

static int vif_check(const struct vmm_device *dev, const struct vmm_config *cfg, struct err *err)
{
	const struct dev_vif *v = container_of(dev, struct dev_vif, dev);

	if (v->type == VIF_IOEMU)
		return err_set(
			err, ENOTSUP,
			"type: an emulated network card (ioemu) exists for x86 HVM guests only");
	if ((v->mac[0] & 1) != 0)
		return err_set(err, EINVAL,
			       "mac: %02x:%02x:... is a multicast address (its first byte is odd)",
			       v->mac[0], v->mac[1]);
	if (v->ifname != NULL && strpbrk(v->ifname, "/: \t") != NULL)
		return err_set(err, EINVAL, "vifname: '%s' is no name of a network interface",
			       v->ifname);
	return 0;
}

/* A locally chosen address under Xen's own prefix. */
static int vif_settle(struct vmm_device *dev, struct err *err)
{
	struct dev_vif *v = container_of(dev, struct dev_vif, dev);
	static const uint8_t unset[6];

	if (v->type == 0)
		v->type = VIF_PV;
	if (memcmp(v->mac, unset, sizeof(unset)) != 0)
		return 0;
	if (getrandom(v->mac + 3, 3, 0) != 3)
		return err_set(err, errno, "choosing a MAC address: %s", strerror(errno));
	v->mac[0] = 0x00;
	v->mac[1] = 0x16;
	v->mac[2] = 0x3e;
	v->mac[3] &= 0x7f;
	return 0;
}

/* --- nodes and hotplug ------------------------------------------------------------------------ */

/* The library does the plain bridge port; filters and VLANs are the script's. */
static bool is_builtin(const struct dev_vif *v)
{
	if (v->script != NULL)
		return strcmp(v->script, "builtin") == 0;
	return v->ip == NULL && v->vlan == NULL;
}

static const char *script_of(const struct dev_vif *v)
{
	return v->script == NULL || is_builtin(v) ? "vif-bridge" : v->script;
}

static char *vif_script(const struct vmm_device *dev)
{
	const struct dev_vif *v = container_of(dev, struct dev_vif, dev);

	return is_builtin(v) ? NULL : hotplug_script_path(script_of(v));
}

/* The order of stock's keys; hotplug-status is there from the start, so that the backend waits for
 * the step. */
static void vif_nodes(const struct vmm_device *dev, uint32_t domid, struct device_nodes *nodes)
{
	const struct dev_vif *v = container_of(dev, struct dev_vif, dev);
	autofree char *handle = str_printf("%d", dev->devid), *mtu = NULL, *script = NULL;

	script = hotplug_script_path(script_of(v));
	mtu = str_printf("%d", v->mtu != 0 ? v->mtu : DEFAULT_MTU);
	device_nodes_add(nodes, NODE_BACK, script, "script");
	if (v->rate_bytes > 0) {
		autofree char *rate =
			str_printf("%" PRIu64 ",%" PRIu32, v->rate_bytes, v->rate_interval_us);

		device_nodes_add(nodes, NODE_BACK, rate, "rate");
	}
	if (v->mtu != 0 && v->mtu != DEFAULT_MTU)
		device_nodes_add(nodes, NODE_BACK, mtu, "mtu");
	device_nodes_add(nodes, NODE_BACK, v->bridge != NULL ? v->bridge : DEFAULT_BRIDGE,
			 "bridge");
	device_nodes_add(nodes, NODE_BACK, handle, "handle");
	device_nodes_add(nodes, NODE_BACK, "vif", "type");
	device_nodes_add(nodes, NODE_BACK, "", "hotplug-status");
	device_nodes_add(nodes, NODE_FRONT, handle, "handle");
	device_nodes_add(nodes, NODE_FRONT, v->trusted == TRI_NO ? "0" : "1", "trusted");
	device_nodes_add(nodes, NODE_FRONT_RO, mtu, "mtu");
}

static int vif_plug(uint32_t domid, int32_t devid, struct device_nodes *nodes, struct err *err)
{
	const char *bridge = device_nodes_get(nodes, NODE_BACK, "bridge"),
		   *mtu = device_nodes_get(nodes, NODE_BACK, "mtu");
	autofree char *name = str_printf("vif%u.%d", domid, devid);
	uint64_t n = 0;	/* as the bridge has it */

	if (mtu != NULL && num_dec(mtu, UINT16_MAX, "mtu", &n, err) < 0)
		return -1;
	return hotplug_bridge_port(name, device_nodes_get(nodes, NODE_BACK, "vifname"),
				   bridge != NULL ? bridge : DEFAULT_BRIDGE, (int)n, err);
}

static void vif_script_env(uint32_t domid, int32_t devid, const struct device_nodes *record,
			   struct strlist *env)
{
	const char *netdev = device_nodes_get(record, NODE_RECORD, "gatewaydev");

	strlist_take(env, str_printf("netdev=%s", netdev != NULL ? netdev : ""));
	strlist_take(env, str_printf("vif=vif%u.%d", domid, devid));
}

const struct vmm_devclass devclass_vif = {
	.name = "vif", .key = "vif", .json = "nics", .frontend = "vif", .backend = "vif",
	.size = sizeof(struct dev_vif), .fields = fields, .flags = DEVCLASS_NUMBERED,
	.parse = vif_parse, .check = vif_check, .settle = vif_settle, .nodes = vif_nodes, .script = vif_script,
	.plug = vif_plug, .script_env = vif_script_env, .script_add = "online type_if=vif",
	.script_remove = "offline type_if=vif",
};
