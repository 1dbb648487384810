# SPDX-License-Identifier: MIT
# Programs of tests/pam/run.

TEST_PROGRAMS += $(B)/vaultd $(B)/pamrun $(B)/pam_probe.so $(B)/pkcs11double.so

$(B)/vaultd: tests/pam/vaultd.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(BASE) $(HARDEN) $(CFLAGS) -pie -o $@ $< $(LDFLAGS) $(call libs,libsystemd)

$(B)/pamrun: tests/pam/pamrun.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(BASE) $(HARDEN) $(CFLAGS) -pie -o $@ $< $(LDFLAGS) -lpam

$(B)/pam_probe.so: tests/pam/pam_probe.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(BASE) -fPIC -shared $(CFLAGS) -o $@ $< $(LDFLAGS) -lpam

$(B)/pkcs11double.so: tests/lib/pkcs11double.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(BASE) -fPIC -shared $(CPPLIBS) $(CFLAGS) -o $@ $< $(LDFLAGS)
