# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# For test programs in bash: `check NAME COMMAND...` is one case. It fails when COMMAND fails, and then prints COMMAND's output. The last
# line of a program is `done_testing`. With TEST_CASE only the case of this name runs (_ stands for a blank). A step that prepares
# the following cases is `prepare NAME COMMAND...`, and always runs.
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
