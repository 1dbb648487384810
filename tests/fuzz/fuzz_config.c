/* SPDX-License-Identifier: MIT */
/* /etc/credsspd.conf, with libkrb5's parser behind the checks, as both programs read it. */
#include <fcntl.h>
#include <unistd.h>

#include "common/config/config.h"
#include "common/config/rdp-settings.h"
#include "tests/fuzz/faults.h"
#include "tests/fuzz/fuzz.h"

static char config_path[512];

static void config_remove(void)
{
	(void)unlink(config_path);
}

/* A byte 1 stands for the file's own path, which a fuzzer could not guess. */
static void config_write(const uint8_t *data, size_t size)
{
	static int fd = -1;

	if (fd < 0) {
		/* the fuzzer ends without atexit(): make fuzz has it below the build directory */
		const char *dir = getenv("FUZZ_TMPDIR");

		(void)snprintf(config_path, sizeof config_path, "%s/fuzz-config.XXXXXX", dir ? dir : "/tmp");
		fd = mkstemp(config_path);
		PROMISE(fd >= 0 && atexit(config_remove) == 0);
	}
	PROMISE(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	for (size_t begin = 0, end; begin < size; begin = end + 1) {
		const uint8_t *self = memchr(data + begin, 1, size - begin);

		end = self ? (size_t)(self - data) : size;
		PROMISE(write(fd, data + begin, end - begin) == (ssize_t)(end - begin));
		if (self)
			PROMISE(write(fd, config_path, strlen(config_path)) == (ssize_t)strlen(config_path));
	}
}

static unsigned config_words(char *const *list)
{
	unsigned n = 0;

	PROMISE(list);
	for (; list[n]; n++)
		PROMISE(*list[n]);
	return n;
}

static void config_daemon(const struct config *c)
{
	PROMISE(c->min_version >= 2 && c->min_version <= 6);
	PROMISE(c->ticket_lifetime_sec >= 1 && c->ticket_lifetime_sec <= TICKET_LIFETIME_SEC);
	PROMISE(c->handshake_timeout_sec >= 1 && c->handshake_timeout_sec <= HANDSHAKE_TIMEOUT_SEC);
	PROMISE(c->keytab[0] == '/' && c->ntlm_store[0] == '/');
	PROMISE(c->kerberos != CONFIG_KERBEROS_OFF || c->ntlm != CONFIG_NTLM_OFF);
	PROMISE(!c->restricted_admin ||
		config_words(c->restricted_admin_users) + config_words(c->restricted_admin_groups) > 0);
	PROMISE(c->smartcard != CONFIG_SMARTCARD_GSS ||
		config_words(c->smartcard_gss_users) + config_words(c->smartcard_gss_groups) > 0);
	PROMISE(config_words(c->allow_users) <= CONFIG_LIST_MAX && config_words(c->allow_groups) <= CONFIG_LIST_MAX);
	for (size_t i = 0; i < c->n_front_ends; i++)
		PROMISE(config_words(c->front_ends[i].services) > 0);
}

/* Read by both programs; what is refused says why and leaves nothing behind. */
static void config_read(bool faulty)
{
	char *error = NULL;
	struct config c;
	struct settings s;

	if (config_load(config_path, &c, &error) == 0) {
		PROMISE(!error);
		config_daemon(&c);
		config_done(&c);
	} else {
		PROMISE(faulty || (error && *error));
	}
	free(error);
	error = NULL;
	if (settings_load(config_path, &s, &error) == 0) {
		PROMISE(!error && config_words(s.listen) > 0 && s.max_connections > 0);
		settings_done(&s);
	} else {
		PROMISE(faulty || (error && *error));
	}
	free(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	config_write(data, size);
	config_read(false);
	faults_begin(faults_seed(data, size), 40);
	config_read(true);
	(void)faults_end();
	return 0;
}
