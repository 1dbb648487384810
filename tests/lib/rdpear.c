/* SPDX-License-Identifier: MIT */
/*
 * librdpear-client.so for the FreeRDP of the bed: Debian builds FreeRDP 3 without this channel, in which a remote guard
 * client lends the server the keys that it kept, and xfreerdp3 +remoteGuard ends when its session begins because it
 * cannot load it. xrdp never opens the channel, and the client has delegated a whole ticket; so loading is all it
 * takes.
 */
#include <stdint.h>

uint32_t DVCPluginEntry(const void *entry_points);

__attribute__((visibility("default"))) uint32_t DVCPluginEntry(const void *entry_points)
{
	return 0; /* CHANNEL_RC_OK */
}
