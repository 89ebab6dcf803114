/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Specifications of devices: what each class takes, and that whatever is wrong is refused with the
 * field named. */
#include "tests/test.h"

#include <errno.h>
#include "base/str.h"
#include "libvmm/config.h"
#include "libvmm/devices.h"
#include "libvmm/libvmm.h"

static struct err err;

static struct vmm *the_vmm(void)
{
	static struct vmm *vmm;

	if (vmm == NULL)
		ck_ok(vmm_open(&vmm, &err), &err);
	return vmm;
}

/* The JSON of a specification on one line, without blanks. */
static char *squeezed(const char *class, const char *spec)
{
	autofree char *json = NULL;
	char *out, *w;

	ck_ok(vmm_device_spec_json(the_vmm(), class, spec, &json, &err), &err);
	out = w = xstrdup(json);
	for (const char *p = json; *p != '\0'; p++)
		if (*p != ' ' && *p != '\n')
			*w++ = *p;
	*w = '\0';
	return out;
}

static const struct { const char *class, *spec, *json; } good[] = {
	{ "disk", "/dev/vg/a,raw,xvda,w", "{\"pdev_path\":\"/dev/vg/a\",\"vdev\":\"xvda\",\"format\":\"raw\",\"readwrite\":1}" },
	{ "disk", "/dev/vg/a,,xvda", "{\"pdev_path\":\"/dev/vg/a\",\"vdev\":\"xvda\",\"format\":\"raw\",\"readwrite\":1}" },
	{ "disk", " vdev=xvda , access=ro , target=/a,b=c d", "\"pdev_path\":\"/a,b=cd\",\"vdev\":\"xvda\",\"format\":\"raw\"}" },
	{ "disk", "phy:/dev/sda1,xvda1,r", "{\"pdev_path\":\"/dev/sda1\",\"vdev\":\"xvda1\",\"format\":\"raw\"}" },
	{ "disk", "file:/x.img,hda,w", "\"vdev\":\"hda\"" },
	{ "disk", "nbd:host:1,xvda,w", "\"script\":\"block-nbd\"" },
	{ "disk", "/x,raw,sdp15,w,discard,direct-io-safe,untrusted", "\"direct_io_safe\":true,\"discard_enable\":\"True\",\"trusted\":\"False\"" },
	{ "disk", "/x,raw,d5p3,w", "\"vdev\":\"d5p3\"" },
	{ "disk", "/x,raw,51712,w", "\"vdev\":\"51712\"" },
	{ "disk", "/x,raw,xvdaa,w", "\"vdev\":\"xvdaa\"" },
	{ "disk", "/x,raw,hdc:cdrom,r", "\"removable\":1,\"is_cdrom\":1" },
	{ "disk", "vdev=xvda,format=empty,cdrom", "\"format\":\"empty\"" },
	{ "disk", "/x,raw,xvda,w,backend=storage", "{\"backend_domname\":\"storage\"" },
	{ "disk", "/x,raw,xvda,w,specification=virtio,grant_usage=0", "\"specification\":\"virtio\",\"grant_usage\":\"False\"" },
	{ "vif", "", "{}" },
	{ "vif", "mac=00:16:3E:12:34:56,bridge=br0", "\"mac\":\"00:16:3e:12:34:56\",\"bridge\":\"br0\"" },
	{ "vif", "netdev=eth0,script=vif-route,ip=10.0.0.1", "\"ip\":\"10.0.0.1\",\"script\":\"vif-route\",\"gatewaydev\":\"eth0\"" },
	{ "vif", "rate=10MB/s", "\"rate_bytes_per_interval\":500000,\"rate_interval_usecs\":50000" },
	{ "vif", "rate=1Gb/s@1s", "\"rate_bytes_per_interval\":125000000,\"rate_interval_usecs\":1000000" },
	{ "vif", "rate=8000b/s@20ms", "\"rate_bytes_per_interval\":20,\"rate_interval_usecs\":20000" },
	{ "vif", "devid=3,mtu=9000,type=vif,vifname=eth5.0,accel=x,trusted", "\"devid\":3,\"mtu\":9000" },
	{ "vkb", "backend-type=linux,unique-id=k,width=10", "{\"backend_type\":\"linux\",\"unique_id\":\"k\",\"width\":10}" },
	{ "vdispl", "be-alloc=1,connectors=a:1x2;b:30x40", "\"be_alloc\":true,\"connectors\":[{\"unique_id\":\"a\",\"width\":1,\"height\":2},{" },
	{ "vsnd", "card,short-name=x,pcm,name=d,stream,type=c,unique-id=1,channels-max=2", "\"type\":\"c\",\"params\":{\"channels_max\":2}" },
	{ "p9", "tag=t,path=/s,security_model=none", "{\"tag\":\"t\",\"path\":\"/s\",\"security_model\":\"none\"}" },
	{ "pvcalls", "backend=net", "{\"backend_domname\":\"net\"}" },
	{ "channel", "name=a,connection=socket,path=/run/s", "\"connection.socket\":{\"path\":\"/run/s\"}" },
	{ "vtpm", "uuid=12345678-1234-4321-8765-1234567890ab", "\"uuid\":\"12345678-1234-4321-8765-1234567890ab\"" },
	{ "virtio", "type=virtio,device22,transport=mmio,grant_usage=true", "\"type\":\"virtio,device22\",\"transport\":\"mmio\",\"grant_usage\":\"True\"" },
	{ "usbctrl", "type=qusb,version=1,ports=2", "{\"type\":\"qusb\",\"version\":1,\"ports\":2}" },
};

START_TEST(specifications_that_are_taken)
{
	for (size_t i = 0; i < array_size(good); i++) {
		autofree char *json = squeezed(good[i].class, good[i].spec);

		ck_assert_msg(strstr(json, good[i].json) != NULL, "%s: %s", good[i].spec, json);
	}
}
END_TEST

static const struct { const char *class, *spec, *say; } bad[] = {
	{ "disk", "", "vdev= is missing" },
	{ "disk", "/x,raw", "vdev= is missing" },
	{ "disk", "vdev=xvda", "target= is missing" },
	{ "disk", "/x,raw,xvd", "vdev: 'xvd' is no name" },
	{ "disk", "/x,raw,xvda0", "vdev: 'xvda0'" },
	{ "disk", "/x,raw,xvda256", "vdev: 'xvda256'" },
	{ "disk", "/x,raw,sdq", "vdev: 'sdq'" },
	{ "disk", "/x,raw,hde", "vdev: 'hde'" },
	{ "disk", "/x,raw,xvdzzzzzzzz", "vdev: 'xvdzzzzzzzz'" },
	{ "disk", "/x,raw,99999999999", "vdev: '99999999999'" },
	{ "disk", "/x,foo,xvda", "format: 'foo' is none of qcow" },
	{ "disk", "/x,raw,xvda,x", "access: 'x' is none of" },
	{ "disk", "/x,raw,xvda,w,more", "'more': more than target" },
	{ "disk", "/x,raw,xvda,w,vdve=b", "unknown field 'vdve'; did you mean 'vdev'?" },
	{ "disk", "/x,qcow2,xvda,w", "format: qcow2 images need QEMU" },
	{ "disk", "/x,raw,xvda,w,backendtype=qdisk", "backendtype: no program for qdisk" },
	{ "disk", "/x,raw,xvda,w,colo", "COLO is not part" },
	{ "disk", "/x,raw,xvda,w,grant_usage=1", "grant_usage: only virtio disks" },
	{ "disk", "/x,raw,xvda:tape", "devtype: 'tape'" },
	{ "disk", "/x,raw,xvda,w,target=/y", "target: given twice" },
	{ "disk", "/a\nb,raw,xvda", "control characters" },
	{ "vif", "mac=1:2:3", "mac: '1:2:3' is no MAC address" },
	{ "vif", "mac=00:16:3e:00:00:0g", "mac: " },
	{ "vif", "mac=01:16:3e:00:00:00", "mac: 01:16:... is a multicast address" },
	{ "vif", "type=ioemu", "type: an emulated network card" },
	{ "vif", "bride=x", "unknown field 'bride'; did you mean 'bridge'?" },
	{ "vif", "mtu=1", "mtu: 1 is out of range" },
	{ "vif", "mtu", "mtu: expected mtu=VALUE" },
	{ "vif", "rate=10", "rate: '10' is not of the form" },
	{ "vif", "rate=MB/s", "rate: 'MB/s' is not of the form" },
	{ "vif", "rate=1MB/s@5m", "rate: " },
	{ "vif", "rate=99999999999999GB/s", "rate: " },
	{ "vif", "vifname=averyverylonginterface", "vifname: " },
	{ "vif", "vifname=a/b", "vifname: 'a/b' is no name" },
	{ "vif", "bridge=a,bridge=b", "bridge: given twice" },
	{ "vkb", "", "backend-type= is missing" },
	{ "vkb", "backend-type=x", "backend-type: 'x' is none of qemu, linux" },
	{ "vkb", "backend-type=linux,multi-touch-width=5", "needs feature-multi-touch" },
	{ "vdispl", "be-alloc=0", "connectors= is missing" },
	{ "vdispl", "connectors=a", "connectors: 'a' is not of the form" },
	{ "vdispl", "connectors=a:0x5", "connectors: width" },
	{ "vsnd", "card,stream,type=p", "stream: stands before any pcm" },
	{ "vsnd", "card,pcm,stream,unique-id=1", "type= is missing" },
	{ "vsnd", "card,pcm,stream,type=p", "unique-id= is missing" },
	{ "vsnd", "card,sample-formats=s99", "unknown format 's99'" },
	{ "vsnd", "card,channels-min=4,channels-max=2", "channels-min: 4 is more" },
	{ "p9", "tag=t,path=/s", "security_model= is missing" },
	{ "p9", "path=/s,security_model=none", "tag= is missing" },
	{ "p9", "tag=t,path=/s,security_model=none,max-files=3", "need type=xen_9pfsd" },
	{ "channel", "connection=pty", "name= is missing" },
	{ "channel", "name=a,connection=pipe", "connection: 'pipe' is none of pty, socket" },
	{ "channel", "name=a,connection=socket", "path= is missing" },
	{ "channel", "name=a,connection=socket,path=x", "path: 'x' is not absolute" },
	{ "vtpm", "uuid=1", "uuid: '1' is no uuid" },
	{ "virtio", "transport=mmio", "type= is missing" },
	{ "virtio", "type=foo", "type: 'foo' is not of the form" },
	{ "virtio", "type=virtio,devicexyz", "type: 'xyz' is no hexadecimal" },
	{ "virtio", "type=virtio,device,transport=pci", "transport: 'pci' is none of mmio" },
	{ "usbctrl", "ports=99", "ports: 99 is out of range (1 to 31)" },
	{ "usbctrl", "type=devicemodel", "type: devicemodel is an emulated controller" },
	{ "nosuch", "", "no kind of device 'nosuch'" },
};

START_TEST(specifications_that_are_refused)
{
	for (size_t i = 0; i < array_size(bad); i++) {
		autofree char *json = NULL;

		err_clear(&err);
		ck_assert_msg(
			vmm_device_spec_json(the_vmm(), bad[i].class, bad[i].spec, &json, &err) < 0,
			"%s: %s taken", bad[i].class, bad[i].spec);
		ck_assert_msg(strstr(err.msg, bad[i].say) != NULL, "%s: '%s', wanted '%s'",
			      bad[i].spec, err.msg, bad[i].say);
		ck_assert_ptr_null(strchr(err.msg, '\n'));
	}
}
END_TEST

/* Each byte of each good specification in turn replaced: nothing but taken or refused. */
START_TEST(damaged_specifications)
{
	static const char junk[] = { ',', '=', ':', '\0', '\x7f', '9', '/', ';', (char)0xff };

	for (size_t i = 0; i < array_size(good); i++) {
		for (size_t at = 0; at < strlen(good[i].spec); at++) {
			for (size_t k = 0; k < sizeof(junk); k++) {
				autofree char *spec = xstrdup(good[i].spec), *json = NULL;

				spec[at] = junk[k];
				err_clear(&err);
				if (vmm_device_spec_json(the_vmm(), good[i].class, spec, &json,
							 &err) < 0)
					ck_assert(err.msg[0] != '\0');
			}
		}
	}
}
END_TEST

/* A word stands in one row of its class only. */
START_TEST(defaults_of_the_host)
{
	static const struct vmm_defaults host = { .vif_script = "vif-route",
						  .vif_bridge = "br7",
						  .vif_gatewaydev = "eth7" };
	autofree char *got = NULL, *own = NULL;

	vmm_set_defaults(the_vmm(), &host);
	got = squeezed("vif", "");
	own = squeezed("vif", "bridge=mine,script=builtin");
	vmm_set_defaults(the_vmm(), NULL);
	ck_assert_ptr_nonnull(strstr(got, "\"bridge\":\"br7\",\"script\":\"vif-route\""));
	ck_assert_ptr_nonnull(strstr(got, "\"gatewaydev\":\"eth7\""));
	ck_assert_ptr_nonnull(strstr(own, "\"bridge\":\"mine\",\"script\":\"builtin\""));
}
END_TEST

START_TEST(keys_are_unique)
{
	for (const struct vmm_devclass *const *c = vmm_devclasses; *c != NULL; c++) {
		const struct field *f = (*c)->fields;

		ck_assert_ptr_eq(devclass_by_key((*c)->key), *c);
		for (size_t i = 0; f[i].key != NULL || f[i].json != NULL; i++)
			for (size_t k = 0; k < i; k++)
				ck_assert_msg(f[i].key == NULL || f[k].key == NULL ||
						      strcmp(f[i].key, f[k].key) != 0 ||
						      (f[i].where & f[k].where & FIELD_SPEC) == 0 ||
						      (f[i].type == FIELD_T_WORD) !=
							      (f[k].type == FIELD_T_WORD),
					      "%s: %s", (*c)->name, f[i].key);
	}
}
END_TEST

TEST_MAIN("devices", defaults_of_the_host, specifications_that_are_taken, specifications_that_are_refused, damaged_specifications, keys_are_unique)
