/* SPDX-License-Identifier: MIT */
/* Records of a worker to the supervisor, which may have been taken over: common/ipc/worker-msg.h. */
#include "credsspd/supervisor/logon-worker.c"
#include "tests/fuzz/fuzz.h"

static void record_take(const uint8_t *packet, size_t len)
{
	static const struct {
		size_t least, most;
	} size[] = {
		[WORKER_REPLY] = { 1, WORKER_PACKET_MAX },
		[WORKER_NOT_MINE] = { sizeof(struct worker_not_mine), sizeof(struct worker_not_mine) },
		[WORKER_AUTHENTICATED] = { sizeof(struct worker_authenticated), sizeof(struct worker_authenticated) },
		[WORKER_DELEGATED] = { sizeof(struct worker_delegated), sizeof(struct worker_delegated) },
		[WORKER_ASKED] = { sizeof(struct worker_asked), sizeof(struct worker_asked) },
		[WORKER_FAILED] = { offsetof(struct worker_failed, reply), sizeof(struct worker_failed) },
	};
	enum logon_event event;
	enum logon_state state;

	if (worker_record_event(packet, len, &event) < 0)
		return;
	PROMISE(packet[0] < sizeof size / sizeof *size && len >= size[packet[0]].least && len <= size[packet[0]].most);
	/* nothing that a worker says grants anything before it was judged */
	for (state = 0; state < LOGON_STATES_; state++) {
		struct logon_step step = logon_step(state, event);

		PROMISE(step.action != LOGON_FINISH && step.action != LOGON_GRANT && step.action != LOGON_DENY);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size && size <= WORKER_PACKET_MAX)
		record_take(data, size);
	return 0;
}
