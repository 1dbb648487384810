/* SPDX-License-Identifier: MIT */
/* Packets on SOCK_SEQPACKET sockets between our processes, with at most PACKET_FDS_MAX descriptors. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#define PACKET_FDS_MAX 2U

/* A connected pair, close-on-exec and non-blocking as @flags (SOCK_NONBLOCK or 0) says. Returns 0 or -errno. */
int packet_pair(int flags, int ret_fds[2]);

/*
 * Connects to the listening socket at @path, close-on-exec and non-blocking. Returns a descriptor that is the caller's,
 * or -errno.
 */
int packet_connect(const char *path);

/*
 * Stops the peer of @fd from sending descriptors, where the kernel knows SO_PASSRIGHTS (Linux 6.16). On an older kernel
 * packet_recv(), packet_peek() and packet_close() protect against them.
 */
void packet_refuse_fds(int fd);

/*
 * Closes @fd, which may be negative, and returns -1. Descriptors in the queue that were not received are closed with
 * the socket, and that may block (a TCP socket with SO_LINGER). This function does not block: it forks a process that
 * holds the last reference and ends. When fork() fails, the socket stays open.
 */
int packet_close(int fd);

/*
 * Reads and drops packets from @fd until the peer has closed its end, or until clock_usec() is @until: a peer that has
 * passed its end to another process keeps the connection open. The caller closes @fd with packet_close(), because a
 * packet with descriptors is not dropped.
 */
void packet_wait_for_end(int fd, uint64_t until);

/*
 * Sends one packet, without raising SIGPIPE; the descriptors @fds (@n_fds of
 * them, may be 0) stay the caller's. Returns 0 or -errno; -EAGAIN when a
 * non-blocking peer's queue is full.
 */
int packet_send(int fd, const void *p, size_t len, const int *fds, size_t n_fds);

/* As packet_send() for a packet of two parts, which need not be adjacent. */
int packet_send2(int fd, const void *a, size_t a_len, const void *b, size_t b_len, const int *fds, size_t n_fds);

/*
 * Receives one packet of at most @size bytes; a longer one is -EMSGSIZE.
 * Received descriptors (close-on-exec) are stored in @ret_fds, an array of @n_fds; unused entries are -1. A packet with
 * more descriptors is -EPROTO, and they are closed. With @n_fds 0 a packet with descriptors is -EPROTO and stays in the
 * queue until packet_close(), so that this process closes no descriptor. Returns the length, 0 at end of file, or
 * -errno. Packets that the peer sent before it closed come first, also when it had not read everything.
 */
ssize_t packet_recv(int fd, void *p, size_t size, int *ret_fds, size_t n_fds);

/*
 * Copies the packet at the head of the queue, which stays there for the next reader, without waiting. Returns as
 * packet_recv() with @n_fds 0, and -EAGAIN when there is no packet.
 */
ssize_t packet_peek(int fd, void *p, size_t size);

/* Returns whether a string of a received message ends within its array of @size bytes. */
static inline bool packet_text_ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}
