# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# For test programs in bash: `check NAME COMMAND...` is one case. It fails when COMMAND fails, and then prints COMMAND's output. The last
# line of a program is `done_testing`. With TEST_CASE only the case of this name runs (_ stands for a blank). A step that prepares
# the following cases is `prepare NAME COMMAND...`, and always runs. With TEST_CASE it counts as a case only when it fails: a program
# without a case of this name has no cases.
tap_count=0 tap_failed=0

# 1 (count a success as a case) or 0, NAME, COMMAND...
tap_case() {
	local counts=$1 name=$2 out
	shift 2
	if out=$("$@" 2>&1); then
		[ "$counts" = 1 ] || { echo "# done: $name"; return; }
		tap_count=$((tap_count + 1))
		echo "ok $tap_count - $name"
	else
		tap_count=$((tap_count + 1))
		echo "not ok $tap_count - $name"
		printf '%s\n' "$out" | tail -n 60 | sed 's/^/# /'
		tap_failed=1
	fi
}

check() {
	[ -z "${TEST_CASE:-}" ] || [ "${TEST_CASE//_/ }" = "${1//_/ }" ] || return 0
	tap_case 1 "$@"
}

prepare() {
	tap_case "$([ -z "${TEST_CASE:-}" ] && echo 1 || echo 0)" "$@"
}

done_testing() {
	if [ "$tap_count" = 0 ]; then
		echo "1..0 # SKIP no such case"
		exit 0
	fi
	echo "1..$tap_count"
	exit "$tap_failed"
}
