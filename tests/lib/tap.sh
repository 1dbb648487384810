# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# For test programs in bash: `check NAME COMMAND...` is one case; it fails with COMMAND's status, whose output is then printed. The last
# line of a program is `done_testing`. With TEST_CASE set only the case of this name is run (_ stands for a blank); a case that prepares
# the following ones is `prepare NAME COMMAND...` and always run.
tap_count=0 tap_failed=0

tap_case() {
	local name=$1 out
	shift
	tap_count=$((tap_count + 1))
	if out=$("$@" 2>&1); then
		echo "ok $tap_count - $name"
	else
		echo "not ok $tap_count - $name"
		printf '%s\n' "$out" | tail -n 60 | sed 's/^/# /'
		tap_failed=1
	fi
}

check() {
	[ -z "${TEST_CASE:-}" ] || [ "${TEST_CASE//_/ }" = "${1//_/ }" ] || return 0
	tap_case "$@"
}

prepare() {
	tap_case "$@"
}

done_testing() {
	if [ "$tap_count" = 0 ]; then
		echo "1..0 # SKIP no such case"
		exit 0
	fi
	echo "1..$tap_count"
	exit "$tap_failed"
}
