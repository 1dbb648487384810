# SPDX-License-Identifier: MIT
# Included by the top Makefile: everything that runs in tests/bed.

$(B)/loginstack: tests/lib/loginstack.c
	@mkdir -p $(@D)
	$(CC) $(BASE) $(HARDEN) $(CFLAGS) -pie -o $@ $< $(LDFLAGS) -lpam
