# SPDX-License-Identifier: LGPL-2.1-or-later
# What configure.ac needs beyond stock autoconf.

# LV_SYSROOT: with --with-sysroot=DIR point the compiler and pkg-config at an unpacked root file
# system, unless the caller has already done so. DIR is meant to be Debian's (multiarch folders).
AC_DEFUN([LV_SYSROOT], [
AS_CASE([$with_sysroot], [/*], [
	AS_IF([test -d "$with_sysroot/usr/include"], [],
		[AC_MSG_ERROR([--with-sysroot=$with_sysroot: no usr/include there])])
	lv_triplet=$host_alias
	CC="${CC:-${lv_triplet:+$lv_triplet-}gcc} --sysroot=$with_sysroot"
	PKG_CONFIG_SYSROOT_DIR=${PKG_CONFIG_SYSROOT_DIR-$with_sysroot}
	lv_pc=$with_sysroot/usr/lib/${lv_triplet:-$host}/pkgconfig
	PKG_CONFIG_LIBDIR=${PKG_CONFIG_LIBDIR-$lv_pc:$with_sysroot/usr/share/pkgconfig}
	export PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_LIBDIR
])
])

# LV_TRY_CFLAG(VARIABLE, FLAG): append FLAG to VARIABLE when the compiler takes it without a warning.
AC_DEFUN([LV_TRY_CFLAG], [
AC_MSG_CHECKING([whether $CC takes $2])
lv_saved_CFLAGS=$CFLAGS
CFLAGS="$CFLAGS -Werror $2"
AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
	[AC_MSG_RESULT([yes]); $1="${$1:+$$1 }$2"], [AC_MSG_RESULT([no])])
CFLAGS=$lv_saved_CFLAGS
])

# LV_TRY_LDFLAG(VARIABLE, FLAG): the same for the linker.
AC_DEFUN([LV_TRY_LDFLAG], [
AC_MSG_CHECKING([whether the linker takes $2])
lv_saved_LDFLAGS=$LDFLAGS
LDFLAGS="$LDFLAGS -Werror $2"
AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
	[AC_MSG_RESULT([yes]); $1="${$1:+$$1 }$2"], [AC_MSG_RESULT([no])])
LDFLAGS=$lv_saved_LDFLAGS
])

# LV_FEATURES: the --enable switches and the flags that follow from them:
#   WARN_CFLAGS      warnings, and -Werror when asked for
#   HARDEN_CFLAGS    hardening, or the sanitizers in its place
#   HARDEN_LDFLAGS   the same for linking anything
#   PIE_LDFLAGS      for programs
AC_DEFUN([LV_FEATURES], [
AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [warnings are errors])],
	[], [enable_werror=no])
AC_ARG_ENABLE([sanitizers],
	[AS_HELP_STRING([--enable-sanitizers], [build all of it with ASan and UBSan])],
	[], [enable_sanitizers=no])
AC_ARG_ENABLE([static-programs],
	[AS_HELP_STRING([--enable-static-programs],
		[link xl and the daemons statically: they start several times faster])],
	[], [enable_static_programs=no])
AS_IF([test "$enable_sanitizers$enable_static_programs" = yesyes],
	[AC_MSG_ERROR([--enable-sanitizers and --enable-static-programs exclude each other])])
AM_CONDITIONAL([STATIC_PROGRAMS], [test "$enable_static_programs" = yes])

WARN_CFLAGS=
m4_foreach_w([lv_flag], [-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
	-Wmissing-declarations -Wold-style-definition -Wpointer-arith -Wformat=2 -Wvla -Wundef
	-Wwrite-strings -Wcast-align=strict -Wlogical-op -Wduplicated-cond -Wduplicated-branches
	-Wnull-dereference -Wimplicit-fallthrough -Wno-unused-parameter
	-Wno-missing-field-initializers],
	[LV_TRY_CFLAG([WARN_CFLAGS], lv_flag)])
AS_IF([test "$enable_werror" = yes], [WARN_CFLAGS="$WARN_CFLAGS -Werror"])
AC_SUBST([WARN_CFLAGS])

dnl Domains and ports that a test has made are looked up without asking whether they are there.
FAKE_CFLAGS=
m4_foreach_w([lv_flag], [-Wno-null-dereference -Wno-maybe-uninitialized],
	[LV_TRY_CFLAG([FAKE_CFLAGS], lv_flag)])
AC_SUBST([FAKE_CFLAGS])

AM_CONDITIONAL([SANITIZERS], [test "$enable_sanitizers" = yes])
HARDEN_CFLAGS=
HARDEN_LDFLAGS=
PIE_LDFLAGS=
AS_IF([test "$enable_sanitizers" = yes], [
	HARDEN_CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all"
	HARDEN_CFLAGS="$HARDEN_CFLAGS -fno-omit-frame-pointer"
	HARDEN_LDFLAGS="-fsanitize=address,undefined"
	AC_DEFINE([SANITIZERS], [1], [Define when ASan and UBSan are built in.])
], [
	dnl Fortification needs optimisation, and a distribution may have set its own level.
	AC_COMPILE_IFELSE([AC_LANG_SOURCE([[
		#if !defined(__OPTIMIZE__) || defined(_FORTIFY_SOURCE)
		#error leave it
		#endif
		]])], [HARDEN_CFLAGS="-D_FORTIFY_SOURCE=2"])
	m4_foreach_w([lv_flag], [-fstack-protector-strong -fstack-clash-protection -fPIE
		-fno-semantic-interposition],
		[LV_TRY_CFLAG([HARDEN_CFLAGS], lv_flag)])
	m4_foreach_w([lv_flag], [-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed],
		[LV_TRY_LDFLAG([HARDEN_LDFLAGS], [lv_flag])])
	LV_TRY_LDFLAG([PIE_LDFLAGS], [-pie])
])
AC_SUBST([HARDEN_CFLAGS])
AC_SUBST([HARDEN_LDFLAGS])
AC_SUBST([PIE_LDFLAGS])
])

# LV_LACKS(WHAT, PACKAGE): note a missing library. LV_MISSING speaks of all of them.
AC_DEFUN([LV_LACKS], [
lv_missing="$lv_missing
  $1 (Debian package: $2)"
AS_CASE([" $lv_packages "], [*" $2 "*], [], [lv_packages="$lv_packages $2"])
])

# LV_PKG(PREFIX, MODULE, HEADER, PACKAGE): a library that pkg-config knows, and its header.
AC_DEFUN([LV_PKG], [
PKG_CHECK_MODULES([$1], [$2], [
	lv_saved_CPPFLAGS=$CPPFLAGS
	CPPFLAGS="$CPPFLAGS $$1_CFLAGS"
	AC_CHECK_HEADER([$3], [], [LV_LACKS([$3], [$4])], [#include <stdint.h>])
	CPPFLAGS=$lv_saved_CPPFLAGS
], [LV_LACKS([$2.pc], [$4])])
])

# LV_LIB(PREFIX, LIBRARY, FUNCTION, HEADER, PACKAGE): one that it does not know.
AC_DEFUN([LV_LIB], [
AC_CHECK_HEADER([$4], [AC_CHECK_LIB([$2], [$3], [AC_SUBST([$1_LIBS], [-l$2])],
	[LV_LACKS([lib$2 with $3], [$5])])], [LV_LACKS([$4], [$5])])
])

# LV_MISSING: stop when something was missing, and say what to install. Also name Xen's version.
AC_DEFUN([LV_MISSING], [
AS_IF([test -n "$lv_missing"], [AC_MSG_ERROR([needed and not found:$lv_missing
Install them: apt-get install$lv_packages])])
xen_version=`$PKG_CONFIG --modversion xencontrol 2>/dev/null`
AC_MSG_CHECKING([for the version of Xen's tool interface])
AC_COMPUTE_INT([xen_domctl_version], [XEN_DOMCTL_INTERFACE_VERSION], [[
	#include <stdint.h>
	#include <xenctrl.h>
	#include <xen/domctl.h>]], [xen_domctl_version=unknown])
AC_MSG_RESULT([$xen_domctl_version])
xen_version="$xen_version (domctl interface $xen_domctl_version)"
])

# LV_STATIC_LIBS: STATIC_LDFLAGS and STATIC_XEN_LIBS for --enable-static-programs.
AC_DEFUN([LV_STATIC_LIBS], [
STATIC_LDFLAGS=
STATIC_LIBS=
AS_IF([test "$enable_static_programs" = yes], [
	lv_modules="xencontrol xenstore xenevtchn xengnttab xenforeignmemory xenhypfs xentoollog uuid zlib"
	STATIC_LIBS="`$PKG_CONFIG --static --libs $lv_modules` -lfdt"
	AS_IF([test "$have_seccomp" = yes], [STATIC_LIBS="$STATIC_LIBS -lseccomp"])
	dnl yajl's own name for its static library is libyajl_s.a.
	lv_saved_LDFLAGS=$LDFLAGS
	lv_saved_LIBS=$LIBS
	LDFLAGS="$LDFLAGS -static"
	AC_CHECK_LIB([yajl_s], [yajl_gen_alloc], [STATIC_LIBS="$STATIC_LIBS -lyajl_s"],
		[AC_CHECK_LIB([yajl], [yajl_gen_alloc], [STATIC_LIBS="$STATIC_LIBS -lyajl"],
			[AC_MSG_ERROR([no static yajl (Debian package: libyajl-dev)])])])
	LDFLAGS=$lv_saved_LDFLAGS
	STATIC_LDFLAGS=-static
	AC_MSG_CHECKING([for static position-independent programs])
	LDFLAGS="$LDFLAGS -static-pie"
	CFLAGS_saved=$CFLAGS
	CFLAGS="$CFLAGS -fPIE"
	LIBS="$STATIC_LIBS $LIBS"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([[
		#include <stdint.h>
		#include <xenctrl.h>
		#include <xenstore.h>
		#include <libfdt.h>
		#include <zlib.h>]],
		[[return xc_interface_open(0, 0, 0) == 0 || xs_open(0) == 0 ||
			 fdt_check_full(0, 0) || zlibVersion() == 0;]])],
		[AC_MSG_RESULT([yes]); STATIC_LDFLAGS=-static-pie], [AC_MSG_RESULT([no])])
	CFLAGS=$CFLAGS_saved
	LDFLAGS=$lv_saved_LDFLAGS
	LIBS=$lv_saved_LIBS
])
AC_SUBST([STATIC_LDFLAGS])
AC_SUBST([STATIC_LIBS])
])
