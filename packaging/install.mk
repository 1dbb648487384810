# SPDX-License-Identifier: MIT
# `make install`: Debian's paths, everything below DESTDIR; `make deb`: the Debian packages, made from the same. Nothing of
# another package is touched: the lines for the PAM stack of xrdp-sesman, what belongs into xrdp.ini and the drop-in for
# xrdp.service are put in place by `credsspctl xrdp enable`.

# where the systemd of this system has its own; /usr/lib is right for every one that has merged /usr
UNITDIR ?= $(or $(shell $(PKG_CONFIG) --variable=systemdsystemunitdir systemd 2>/dev/null),$(PREFIX)/lib/systemd/system)
DOCDIR ?= $(PREFIX)/share/doc/pam-credssp
SHAREDIR ?= $(PREFIX)/share/pam-credssp
INCLUDEDIR ?= $(PREFIX)/include
INSTALL ?= install

# MODE DIRECTORY FILES
define install_into
	$(Q)$(INSTALL) -d $(DESTDIR)$(2)
	$(Q)$(INSTALL) -m $(1) $(3) $(DESTDIR)$(2)

endef

# they name one another by their place in the sources
HEADERS := $(addprefix $(B)/headers/credssp/,bus-api.h channel.h limits.h)
$(B)/headers/%: include/%
	@mkdir -p $(@D)
	$(Q)sed 's|^#include "include/credssp/|#include "credssp/|' $< >$@

$(B)/headers/acceptor-client.c: examples/acceptor-client.c
	@mkdir -p $(@D)
	$(Q)sed 's|^#include "include/credssp/|#include "credssp/|' $< >$@

$(B)/credssp.pc: packaging/credssp.pc.in Makefile
	@mkdir -p $(@D)
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' $< >$@

install: $(PROGRAMS) $(HEADERS) $(B)/headers/acceptor-client.c $(B)/credssp.pc ## install below DESTDIR
	$(call install_into,0755,$(SBINDIR),$(B)/credsspd $(B)/credsspd-rdp $(B)/credsspctl)
	$(call install_into,0644,$(SECURITYDIR),$(B)/pam_credssp.so)
	$(call install_into,0755,$(HELPERDIR),$(B)/pam-credssp-verify)
	$(call install_into,0644,$(UNITDIR),$(wildcard packaging/systemd/*))
	$(call install_into,0644,$(PREFIX)/share/dbus-1/system.d,packaging/dbus/org.credssp1.conf)
	$(call install_into,0644,$(PREFIX)/share/dbus-1/interfaces,packaging/dbus/org.credssp1.xml)
	$(call install_into,0644,$(PREFIX)/lib/sysusers.d,$(wildcard packaging/sysusers/*))
	$(call install_into,0644,$(PREFIX)/lib/tmpfiles.d,$(wildcard packaging/tmpfiles/*))
	$(call install_into,0644,$(MANDIR)/man8,$(wildcard packaging/man/*.8))
	$(call install_into,0644,$(MANDIR)/man5,$(wildcard packaging/man/*.5))
	$(call install_into,0644,$(DOCDIR),README.md SECURITY.md NEWS.md CONTRIBUTING.md LICENSE)
	$(call install_into,0644,$(DOCDIR)/docs,$(wildcard docs/*))
	$(call install_into,0644,$(DOCDIR)/examples,$(B)/headers/acceptor-client.c)
	$(call install_into,0644,$(PREFIX)/share/bash-completion/completions,$(wildcard packaging/completion/*))
	$(call install_into,0644,$(SHAREDIR)/pam.d,$(wildcard packaging/pam.d/*))
	$(call install_into,0644,$(SHAREDIR)/xrdp,$(wildcard packaging/xrdp/*))
	$(call install_into,0644,$(SHAREDIR)/haproxy,$(wildcard packaging/haproxy/*))
	$(call install_into,0644,$(INCLUDEDIR)/credssp,$(HEADERS))
	$(call install_into,0644,$(PREFIX)/share/pkgconfig,$(B)/credssp.pc)
	$(call install_into,0644,$(SHAREDIR)/fail2ban/jail.d,packaging/fail2ban/jail.d/credsspd.conf)
	@# does nothing until a jail names it
	$(call install_into,0644,$(SYSCONFDIR)/fail2ban/filter.d,packaging/fail2ban/filter.d/credsspd.conf)
	@# nothing until AppArmor is there to load them
	$(call install_into,0644,$(SYSCONFDIR)/apparmor.d,$(wildcard packaging/apparmor/*))
	@# a configuration that is there is the administrator's
	$(Q)$(INSTALL) -d $(DESTDIR)$(SYSCONFDIR)
	$(Q)test -e $(DESTDIR)$(SYSCONFDIR)/credsspd.conf || \
		$(INSTALL) -m 0644 packaging/credsspd.conf $(DESTDIR)$(SYSCONFDIR)/credsspd.conf

# ---- Debian packages: in a copy of the sources, where debian/ has the place that dpkg wants ----
DEB_SOURCES := Makefile README.md SECURITY.md NEWS.md CONTRIBUTING.md LICENSE common credsspctl credsspd credsspd-rdp docs examples include packaging pam_credssp tests
DEB_TREE := $(B)/deb/pam-credssp-$(VERSION)

.PHONY: deb
deb: $(B)/deb/stamp ## the Debian packages, in build/deb (needs debhelper)

$(B)/deb/stamp: $(shell find $(filter-out tests,$(DEB_SOURCES)) -type f 2>/dev/null)
	rm -rf $(B)/deb
	mkdir -p $(DEB_TREE)
	cp -a $(DEB_SOURCES) $(DEB_TREE)
	mv $(DEB_TREE)/packaging/debian $(DEB_TREE)/debian
	cd $(DEB_TREE) && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u DESTDIR -u B dpkg-buildpackage --no-sign
	rm -rf $(DEB_TREE)
	touch $@
