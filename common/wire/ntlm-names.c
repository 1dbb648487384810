/* SPDX-License-Identifier: MIT */
#include "common/wire/ntlm-names.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NETBIOS_NAME_MAX 15U

int ntlm_host_names(const char *nb_domain, struct ntlm_names *ret_)
{
	struct ntlm_names n = { .nb_domain = "" };
	const char *dot;
	size_t len;

	if (gethostname(n.dns_computer, sizeof n.dns_computer - 1) < 0)
		return -errno;
	if (!n.dns_computer[0] || n.dns_computer[0] == '.')
		(void)snprintf(n.dns_computer, sizeof n.dns_computer, "localhost");
	/* the first label in upper case, 15 characters */
	len = strcspn(n.dns_computer, ".");
	for (size_t i = 0; i < len && i < NETBIOS_NAME_MAX; i++)
		n.nb_computer[i] = (char)toupper((unsigned char)n.dns_computer[i]);
	dot = strchr(n.dns_computer, '.');
	/* a host without a domain is its own domain */
	(void)snprintf(n.dns_domain, sizeof n.dns_domain, "%s", dot && dot[1] ? dot + 1 : n.dns_computer);
	(void)snprintf(n.nb_domain, sizeof n.nb_domain, "%s", nb_domain ? nb_domain : n.nb_computer);
	*ret_ = n;
	return 0;
}
