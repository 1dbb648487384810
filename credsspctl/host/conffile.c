/* SPDX-License-Identifier: MIT */
#include "credsspctl/host/conffile.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cleanup.h"

#define STATUS "var/lib/dpkg/status"
#define MD5_HEX 32U

/* A line of the field Conffiles: " /PATH MD5", perhaps with a word more. */
static bool find_md5(FILE *f, const char *path, char md5[MD5_HEX + 1])
{
	AUTO_FREE char *line = NULL;
	size_t size = 0, len = strlen(path);

	while (getline(&line, &size, f) > 0)
		if (line[0] == ' ' && line[1] == '/' && strncmp(line + 2, path, len) == 0 && line[2 + len] == ' ')
			return sscanf(line + 3 + len, "%32[0-9a-f]", md5) == 1 && strlen(md5) == MD5_HEX;
	return false;
}

/* dpkg's choice; nothing is authenticated with it */
static bool md5_of(const struct file_text *t, char hex[MD5_HEX + 1])
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (EVP_Digest(t->data, t->len, md, &n, EVP_md5(), NULL) != 1 || n != MD5_HEX / 2)
		return false;
	for (unsigned i = 0; i < n; i++)
		(void)snprintf(hex + 2 * (size_t)i, 3, "%02x", md[i]);
	return true;
}

bool conffile_is_shipped(int root, const char *path, const struct file_text *t)
{
	int fd = openat(root, STATUS, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	char shipped[MD5_HEX + 1] = "", own[MD5_HEX + 1];
	bool found;

	if (!f) {
		if (fd >= 0)
			(void)close(fd);
		return false;
	}
	found = find_md5(f, path, shipped);
	(void)fclose(f);
	return found && t->data && md5_of(t, own) && strcmp(own, shipped) == 0;
}
