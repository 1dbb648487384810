/* SPDX-License-Identifier: MIT */
/* make_seeds DIRECTORY: writes DIRECTORY/TARGET/seed-NAME for every seed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/base/cleanup.h"
#include "tests/fuzz/seeds.h"

static void make_directory(const char *path)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST) {
		perror(path);
		exit(EXIT_FAILURE);
	}
}

static void write_seed(void *arg, const char *target, const char *name, const uint8_t *p, size_t len)
{
	char path[4096];
	FILE *f AUTO_FCLOSE = NULL;

	(void)snprintf(path, sizeof path, "%s/%s", (const char *)arg, target);
	make_directory(path);
	(void)snprintf(path, sizeof path, "%s/%s/seed-%s", (const char *)arg, target, name);
	f = fopen(path, "we");
	if (!f || fwrite(p, 1, len, f) != len || fflush(f) != 0) {
		perror(path);
		exit(EXIT_FAILURE);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		(void)fprintf(stderr, "usage: make_seeds DIRECTORY\n");
		return EXIT_FAILURE;
	}
	make_directory(argv[1]);
	seeds_make(write_seed, argv[1]);
	return EXIT_SUCCESS;
}
