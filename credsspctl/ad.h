/* SPDX-License-Identifier: MIT */
/*
 * credsspctl ad keytab: brings the keys of this member of an Active Directory domain into the keytab of credsspd.conf,
 * with Samba's tools, so that they stay right when the password of the machine's account changes.
 *
 * Samba 4.21 and later writes the file itself (`sync machine password to keytab`). An older one adds keys when it is
 * told to: there the password is changed by credsspd-machine-password.timer, which adds the new keys afterwards. After
 * an upgrade of Samba the command removes that timer, and the setting that it needs.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "credsspctl/host/systemctl.h"

#define AD_PROBLEM_MAX 512U

struct ad_host {
	int root; /* the directory that smb.conf and the keytab are relative to */
	struct systemctl_host units;
	FILE *out;                                              /* changes and commands are printed here */
	const char *keytab;                                     /* absolute */
	const char *fqdn;                                       /* of this host */
	uid_t uid;                                              /* of the daemon: the keytab's owner */
	int (*run)(const char *const *argv, char **ret_output); /* program_run(), credsspctl/host/program.h */
};

/*
 * Returns 0, or -errno with a sentence in @problem. @dry_run: prints the steps and changes nothing. Can be run again at
 * any time: completed steps are skipped, and the keys are written again. When Samba does not write the keys, smb.conf
 * is restored.
 */
int ad_keytab(const struct ad_host *host, bool dry_run, char problem[AD_PROBLEM_MAX]);
