/* SPDX-License-Identifier: MIT */
/*
 * Readers and containers mostly have other names on the client than here, so a hint that matches nothing is ignored; a
 * hint that matches narrows the choice. One certificate must be left in the end, and it must name the principal: on
 * another user's card the PIN would use up a try of the owner, and that card could record it. A certificate that names
 * the principal can be forged, so its issuer is checked, too, before the PIN is used.
 */
#include "pam_credssp/helper/card.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <p11-kit/pkcs11.h>

#include "common/base/cleanup.h"
#include "pam_credssp/helper/certificate.h"

/* A certificate on a card. */
struct candidate {
	CK_SLOT_ID slot;
	CK_ULONG id_len, label_len;
	unsigned char id[CARD_ID_MAX], label[CARD_LABEL_MAX];
	struct certificate certificate;
	const char *complaint;                 /* why its issuer is not trusted; NULL: trusted */
	bool by_reader, by_card, by_container; /* the hint matches */
};

struct search {
	const struct card_policy *policy;
	const struct handover *handover;
	CK_FUNCTION_LIST *f;
	size_t tokens, n;
	struct candidate all[CARD_CERTIFICATES_MAX];
};

/* ---- comparing with the client's hints ---- */

static bool same(struct handover_field hint, const void *p, size_t len)
{
	return hint.p_ && hint.len > 0 && hint.len == len && memcmp(hint.p_, p, len) == 0;
}

/* PKCS#11 pads with blanks; some modules with NULs. */
static bool same_padded(struct handover_field hint, const unsigned char *p, size_t size)
{
	while (size > 0 && (p[size - 1] == ' ' || p[size - 1] == '\0'))
		size--;
	return same(hint, p, size);
}

static void hexadecimal(const unsigned char *p, size_t len, char *out)
{
	*out = '\0';
	for (size_t i = 0; i < len; i++)
		(void)sprintf(out + 2 * i, "%02x", p[i]);
}

static bool is_container(struct handover_field hint, const struct candidate *c)
{
	char hex[2 * CARD_ID_MAX + 1];

	hexadecimal(c->id, c->id_len, hex);
	return same(hint, c->label, c->label_len) || same(hint, c->id, c->id_len) ||
	       (hint.p_ && hint.len > 0 && hint.len == strlen(hex) && strncasecmp(hint.p_, hex, hint.len) == 0);
}

/* ---- reading the cards ---- */

static void read_certificate(struct search *s, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			     const struct candidate *token)
{
	static unsigned char der[CERTIFICATE_MAX];
	struct candidate c = *token;
	CK_ATTRIBUTE a[] = { { CKA_ID, c.id, sizeof c.id },
			     { CKA_LABEL, c.label, sizeof c.label },
			     { CKA_VALUE, der, sizeof der } };

	/* a missing or too long attribute is CK_UNAVAILABLE_INFORMATION; the others are set */
	(void)s->f->C_GetAttributeValue(session, object, a, 3);
	c.id_len = a[0].ulValueLen > sizeof c.id ? 0 : a[0].ulValueLen;
	c.label_len = a[1].ulValueLen > sizeof c.label ? 0 : a[1].ulValueLen;
	if (a[2].ulValueLen <= sizeof der) {
		certificate_read(der, a[2].ulValueLen, s->policy->principal, time(NULL), &c.certificate);
		c.complaint = anchors_complaint(s->policy->anchors, der, a[2].ulValueLen);
	}
	c.by_container = is_container(s->handover->field[HANDOVER_CONTAINER_NAME], &c);
	if (s->n < CARD_CERTIFICATES_MAX)
		s->all[s->n] = c;
	s->n++;
}

static void read_certificates(struct search *s, CK_SESSION_HANDLE session, const struct candidate *token)
{
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_CERTIFICATE_TYPE type = CKC_X_509;
	CK_ATTRIBUTE wanted[] = { { CKA_CLASS, &class, sizeof class }, { CKA_CERTIFICATE_TYPE, &type, sizeof type } };
	CK_OBJECT_HANDLE found[CARD_CERTIFICATES_MAX + 1]; /* one more, to see that there are too many */
	CK_ULONG n = 0;

	if (s->f->C_FindObjectsInit(session, wanted, 2) != CKR_OK)
		return;
	if (s->f->C_FindObjects(session, found, CARD_CERTIFICATES_MAX + 1, &n) != CKR_OK)
		n = 0;
	(void)s->f->C_FindObjectsFinal(session);
	for (CK_ULONG i = 0; i < n; i++)
		read_certificate(s, session, found[i], token);
}

static void read_token(struct search *s, CK_SLOT_ID slot)
{
	struct candidate token = { .slot = slot, .complaint = "it cannot be read" };
	CK_SESSION_HANDLE session;
	CK_TOKEN_INFO t;
	CK_SLOT_INFO i;

	if (s->f->C_GetSlotInfo(slot, &i) != CKR_OK || s->f->C_GetTokenInfo(slot, &t) != CKR_OK ||
	    !(t.flags & CKF_TOKEN_INITIALIZED))
		return;
	if (s->f->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK)
		return;
	s->tokens++;
	token.by_reader =
	    same_padded(s->handover->field[HANDOVER_READER_NAME], i.slotDescription, sizeof i.slotDescription);
	token.by_card = same_padded(s->handover->field[HANDOVER_CARD_NAME], t.label, sizeof t.label);
	read_certificates(s, session, &token);
	(void)s->f->C_CloseSession(session);
}

static unsigned read_tokens(struct search *s, struct helper_result *result)
{
	CK_SLOT_ID slots[CARD_SLOTS_MAX];
	CK_ULONG n = CARD_SLOTS_MAX;
	CK_RV rv = s->f->C_GetSlotList(CK_TRUE, slots, &n);

	if (rv != CKR_OK)
		return helper_say(result, HELPER_CONFIGURATION, "%s: C_GetSlotList failed with %lx", s->policy->module,
				  rv);
	for (CK_ULONG i = 0; i < n; i++)
		read_token(s, slots[i]);
	if (s->n > CARD_CERTIFICATES_MAX)
		return helper_say(result, HELPER_MANY_CERTIFICATES, "%zu certificates", s->n);
	return HELPER_SUCCESS;
}

/* ---- choosing ---- */

static bool by_reader(const struct candidate *c)
{
	return c->by_reader;
}

static bool by_card(const struct candidate *c)
{
	return c->by_card;
}

static bool by_container(const struct candidate *c)
{
	return c->by_container;
}

/* A certificate that cannot be read passes here, because for_logon() reports it. */
static bool has_usable_key(const struct candidate *c)
{
	return c->certificate.is_rsa || !c->certificate.readable;
}

static bool for_logon(const struct candidate *c)
{
	return c->certificate.for_logon && c->certificate.in_time;
}

static bool names_principal(const struct candidate *c)
{
	return c->certificate.names;
}

static bool is_trusted(const struct candidate *c)
{
	return !c->complaint;
}

/* Keeps the certificates that pass @test and returns their number. When it is 0, nothing is changed. */
static size_t narrow(struct search *s, bool (*test)(const struct candidate *))
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++)
		kept += test(&s->all[i]);
	if (kept == 0)
		return 0;
	kept = 0;
	for (size_t i = 0; i < s->n; i++)
		if (test(&s->all[i]))
			s->all[kept++] = s->all[i];
	return s->n = kept;
}

static unsigned say_use(const struct search *s, struct helper_result *result)
{
	const struct certificate *c = &s->all[0].certificate;

	return helper_say(result, HELPER_CERTIFICATE_USE, "%s",
			  s->n > 1       ? "the card has no certificate that is for smart card logon and valid now"
			  : !c->readable ? "it cannot be read"
			  : c->for_logon ? "it is not valid yet, or has expired"
					 : "its extended key usage has neither smart card logon nor PKINIT client");
}

static unsigned say_many(const struct search *s, struct helper_result *result)
{
	for (size_t i = 1; i < s->n; i++)
		if (s->all[i].slot != s->all[0].slot)
			return helper_say(result, HELPER_MANY_CARDS, "%zu certificates", s->n);
	return helper_say(result, HELPER_MANY_CERTIFICATES, "%zu certificates", s->n);
}

static unsigned choose(struct search *s, struct helper_result *result)
{
	if (s->tokens == 0)
		return HELPER_NO_CARD;
	if (s->n == 0)
		return HELPER_NO_CERTIFICATE;
	(void)narrow(s, by_reader);
	(void)narrow(s, by_card);
	(void)narrow(s, by_container);
	if (narrow(s, has_usable_key) == 0)
		return helper_say(result, HELPER_CERTIFICATE_KEY,
				  "the certificate has no RSA key; the PIN was not tried");
	if (narrow(s, for_logon) == 0)
		return say_use(s, result);
	if (narrow(s, names_principal) == 0 && !s->policy->any_name)
		return helper_say(result, HELPER_OTHER_PRINCIPAL, "%s",
				  s->n == 1 && !s->all[0].certificate.has_names ? "the certificate names no user"
										: "the certificate names another user");
	if (narrow(s, is_trusted) == 0)
		return helper_say(result, HELPER_NOT_TRUSTED, "the card's; its PIN was not tried: %s",
				  s->all[0].complaint);
	return s->n == 1 ? (unsigned)HELPER_SUCCESS : say_many(s, result);
}

/* ---- checks before the PIN is used ---- */

/* libkrb5 selects the certificate by its CKA_ID, so no other certificate on the card may have it. */
static bool id_is_unique(struct search *s, const struct candidate *c)
{
	size_t n = 0;

	s->n = 0;
	s->tokens = 0;
	read_token(s, c->slot);
	for (size_t i = 0; i < s->n && i < CARD_CERTIFICATES_MAX; i++)
		n += s->all[i].id_len == c->id_len && memcmp(s->all[i].id, c->id, c->id_len) == 0;
	return n == 1;
}

static unsigned judge_pin(const struct search *s, const CK_TOKEN_INFO *t, struct helper_result *result)
{
	struct handover_field pin = s->handover->field[HANDOVER_PIN];

	if (!(t->flags & CKF_LOGIN_REQUIRED))
		return helper_say(result, HELPER_CARD_UNUSABLE, "it requires no PIN, so it proves nothing");
	if (t->flags & CKF_PROTECTED_AUTHENTICATION_PATH)
		return helper_say(result, HELPER_CARD_UNUSABLE, "it takes its PIN only from the reader's own keypad");
	if (!(t->flags & CKF_USER_PIN_INITIALIZED))
		return helper_say(result, HELPER_CARD_UNUSABLE, "it has no PIN yet");
	if (t->flags & CKF_USER_PIN_LOCKED)
		return HELPER_PIN_LOCKED;
	if (t->flags & CKF_USER_PIN_FINAL_TRY && !s->policy->final_try)
		return HELPER_PIN_FINAL_TRY;
	if (pin.len == 0 || pin.len > PIN_MAX || memchr(pin.p_, '\0', pin.len) || pin.len < t->ulMinPinLen ||
	    (t->ulMaxPinLen != CK_UNAVAILABLE_INFORMATION && t->ulMaxPinLen > 0 && pin.len > t->ulMaxPinLen))
		return helper_say(result, HELPER_PIN_FORMAT, "it was not sent");
	return HELPER_SUCCESS;
}

static unsigned take(struct search *s, struct card *ret_card, struct helper_result *result)
{
	struct candidate c = s->all[0];
	unsigned status;
	CK_TOKEN_INFO t;

	if (s->f->C_GetTokenInfo(c.slot, &t) != CKR_OK)
		return helper_say(result, HELPER_NO_CARD, "it was removed");
	status = judge_pin(s, &t, result);
	if (status != HELPER_SUCCESS)
		return status;
	/* libkrb5 stores the slot in an int, and 999999 means any slot */
	if (c.slot == 999999 || c.slot > INT_MAX)
		return helper_say(result, HELPER_CONFIGURATION, "slot %lu has a number that libkrb5 cannot take",
				  c.slot);
	if (c.id_len == 0 || !id_is_unique(s, &c))
		return helper_say(result, HELPER_MANY_CERTIFICATES, "two certificates on the card have one CKA_ID");
	ret_card->slot = c.slot;
	hexadecimal(c.id, c.id_len, ret_card->id);
	return HELPER_SUCCESS;
}

/* ---- the module ---- */

static unsigned load(struct search *s, struct helper_result *result)
{
	CK_C_INITIALIZE_ARGS arguments = { .flags = CKF_OS_LOCKING_OK };
	CK_C_GetFunctionList get;
	void *library;
	CK_RV rv;

	/* stays loaded: some modules cannot be loaded twice, and libkrb5 is about to load it */
	library = dlopen(s->policy->module, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return helper_say(result, HELPER_CONFIGURATION, "%s", dlerror());
	get = (CK_C_GetFunctionList)(uintptr_t)dlsym(library, "C_GetFunctionList");
	if (!get || get(&s->f) != CKR_OK || !s->f)
		return helper_say(result, HELPER_CONFIGURATION, "%s is no PKCS#11 module", s->policy->module);
	rv = s->f->C_Initialize(&arguments);
	if (rv != CKR_OK)
		return helper_say(result, HELPER_CONFIGURATION, "%s: C_Initialize failed with %lx", s->policy->module,
				  rv);
	return HELPER_SUCCESS;
}

unsigned card_choose(const struct card_policy *policy, const struct handover *handover, struct card *ret_card,
		     struct helper_result *result)
{
	AUTO_FREE struct search *s = calloc(1, sizeof *s);
	unsigned status;

	if (!s)
		return helper_say(result, HELPER_INTERNAL, "out of memory");
	s->policy = policy;
	s->handover = handover;
	status = load(s, result);
	if (status != HELPER_SUCCESS || !s->f)
		return status == HELPER_SUCCESS ? (unsigned)HELPER_INTERNAL : status;
	status = read_tokens(s, result);
	if (status == HELPER_SUCCESS)
		status = choose(s, result);
	if (status == HELPER_SUCCESS)
		status = take(s, ret_card, result);
	(void)s->f->C_Finalize(NULL);
	return status;
}
