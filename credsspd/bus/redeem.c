/* SPDX-License-Identifier: MIT */
/* org.credssp1.Vault: the PAM module redeems a ticket for the pipe with the credentials. */
#include <errno.h>

#include "common/base/cleanup.h"
#include "common/ipc/handover.h"
#include "credsspd/bus/bus.h"
#include "include/credssp/bus-api.h"

static int reply(sd_bus_message *m, const struct vault_logon *about, int fd)
{
	const char *proof = about->proof == VAULT_PROOF_GSS ? CREDSSP_PROOF_GSS : CREDSSP_PROOF_PAM;

	return sd_bus_reply_method_return(
	    m, "a{sv}h", 8, CREDSSP_ABOUT_USER, "s", about->user, CREDSSP_ABOUT_UID, "u", (uint32_t)about->uid,
	    CREDSSP_ABOUT_KIND, "s", credential_kind_name(about->kind), CREDSSP_ABOUT_RHOST, "s", about->rhost,
	    CREDSSP_ABOUT_MECHANISM, "s", mechanism_name(about->mechanism), CREDSSP_ABOUT_PRINCIPAL, "s",
	    about->principal, CREDSSP_ABOUT_PROOF, "s", proof, CREDSSP_ABOUT_LOGON, "t", about->logon, fd);
}

int bus_redeem(sd_bus_message *m, uid_t uid, struct supervisor *s)
{
	const char *ticket, *service, *user;
	AUTO_CLOSE int fd = -1;
	struct vault_logon about;

	if (sd_bus_message_read(m, "sss", &ticket, &service, &user) < 0)
		return -EINVAL;
	switch (tickets_redeem(s->tickets, ticket, service, user, &about, &fd)) {
	case VAULT_GRANTED:
		return reply(m, &about, fd);
	case VAULT_MISMATCH:
		return -EKEYREJECTED;
	case VAULT_NO_TICKET:
		break;
	}
	return -ENODATA;
}
