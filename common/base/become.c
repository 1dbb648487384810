/* SPDX-License-Identifier: MIT */
#include "common/base/become.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

bool become_user(const char *user)
{
	const struct passwd *pw = getpwnam(user);

	if (!pw)
		return false;
	if (geteuid() != 0)
		return geteuid() == pw->pw_uid;
	return initgroups(user, pw->pw_gid) == 0 && setgid(pw->pw_gid) == 0 && setuid(pw->pw_uid) == 0;
}
