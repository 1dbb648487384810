# SPDX-License-Identifier: MIT
bench: deps ## CPU, times and memory of logons, next to a FreeRDP 3 shadow server; docs/performance.md (needs root)
	$(MAKE) --no-print-directory all test-programs
	BED_BUILD=$(abspath $(B)) tests/bench/bench | tee $(B)/bench.txt

$(B)/datapath: tests/bench/datapath.c $(B)/rdp.a $(B)/common.a
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(BASE) $(CFLAGS) $(CPPLIBS) -o $@ $^ $(LDFLAGS) $(call libs,$(RDP_PKGS))
