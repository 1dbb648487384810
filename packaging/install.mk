# SPDX-License-Identifier: MIT
# `make install`: Debian's paths, everything below DESTDIR. Nothing of another package is touched: the PAM stack of
# xrdp-sesman and what belongs into xrdp.ini go to the examples.

UNITDIR ?= $(PREFIX)/lib/systemd/system
DOCDIR ?= $(PREFIX)/share/doc/pam-credssp
INSTALL ?= install

# MODE DIRECTORY FILES
define install_into
	$(Q)$(INSTALL) -d $(DESTDIR)$(2)
	$(Q)$(INSTALL) -m $(1) $(3) $(DESTDIR)$(2)

endef

install: $(PROGRAMS) ## install below DESTDIR
	$(call install_into,0755,$(SBINDIR),$(B)/credsspd $(B)/credsspd-rdp $(B)/credsspctl)
	$(call install_into,0644,$(SECURITYDIR),$(B)/pam_credssp.so)
	$(call install_into,0755,$(HELPERDIR),$(B)/pam-credssp-verify)
	$(call install_into,0644,$(UNITDIR),$(wildcard packaging/systemd/*))
	$(call install_into,0644,$(PREFIX)/share/dbus-1/system.d,packaging/dbus/org.credssp1.conf)
	$(call install_into,0644,$(PREFIX)/share/dbus-1/system-services,packaging/dbus/org.credssp1.service)
	$(call install_into,0644,$(PREFIX)/lib/sysusers.d,packaging/sysusers/credsspd.conf)
	$(call install_into,0644,$(MANDIR)/man8,$(wildcard packaging/man/*.8))
	$(call install_into,0644,$(MANDIR)/man5,$(wildcard packaging/man/*.5))
	$(call install_into,0644,$(DOCDIR),README.md SECURITY.md LICENSE packaging/doc/INTEGRATING.md)
	$(call install_into,0644,$(DOCDIR)/examples,examples/acceptor-client.c)
	$(call install_into,0644,$(DOCDIR)/examples/pam.d,$(wildcard packaging/pam.d/*))
	$(call install_into,0644,$(DOCDIR)/examples/xrdp,$(wildcard packaging/xrdp/*))
	$(call install_into,0644,$(DOCDIR)/examples/haproxy,packaging/haproxy/credsspd.cfg)
	$(call install_into,0644,$(DOCDIR)/examples/fail2ban/jail.d,packaging/fail2ban/jail.d/credsspd.conf)
	@# does nothing until a jail names it
	$(call install_into,0644,$(SYSCONFDIR)/fail2ban/filter.d,packaging/fail2ban/filter.d/credsspd.conf)
	@# a configuration that is there is the administrator's
	$(Q)$(INSTALL) -d $(DESTDIR)$(SYSCONFDIR)
	$(Q)test -e $(DESTDIR)$(SYSCONFDIR)/credsspd.conf || \
		$(INSTALL) -m 0644 packaging/credsspd.conf $(DESTDIR)$(SYSCONFDIR)/credsspd.conf
