/* SPDX-License-Identifier: MIT */
/*
 * A PKCS#11 module for tests: SoftHSM with what a card does and SoftHSM does not. C_Login is counted, a wrong PIN costs
 * a try, with no try left the PIN is locked, and the token's flags say how it stands. It has no environment to read
 * from (the helper has none): everything is in DIRECTORY.
 *
 *   log          one line per C_Login: token label, result
 *   tries.LABEL  tries left; absent: 3
 *   hide         labels of tokens that are not there, one a line
 *   flags.LABEL  flags to set, in hexadecimal; with a '-' in front, to clear
 *   absent       the module does not initialise
 *   slow         milliseconds that C_Login takes before the card looks at the PIN
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

#define DIRECTORY "/run/bed/card/"
#define SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"
#define TRIES 3

static CK_FUNCTION_LIST *real, ours;
static CK_SLOT_ID slot_of[256]; /* by session, modulo: tests have few */

static void label_of(CK_SLOT_ID slot, char out[33])
{
	CK_TOKEN_INFO t;
	size_t n = 32;

	*out = '\0';
	if (real->C_GetTokenInfo(slot, &t) != CKR_OK)
		return;
	while (n > 0 && t.label[n - 1] == ' ')
		n--;
	memcpy(out, t.label, n);
	out[n] = '\0';
}

/* ---- the files ---- */

static int read_text(const char *name, const char *label, char *out, size_t size)
{
	char path[256];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof path, DIRECTORY "%s%s", name, label);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	n = read(fd, out, size - 1);
	(void)close(fd);
	out[n < 0 ? 0 : n] = '\0';
	return 0;
}

static void write_text(const char *name, const char *label, int flags, const char *text)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof path, DIRECTORY "%s%s", name, label);
	fd = open(path, O_WRONLY | O_CREAT | flags, 0644);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		abort();
	(void)close(fd);
}

static int tries_left(const char *label)
{
	char text[16];

	return read_text("tries.", label, text, sizeof text) < 0 ? TRIES : atoi(text);
}

static void set_tries(const char *label, int tries)
{
	char text[16];

	(void)snprintf(text, sizeof text, "%d", tries);
	write_text("tries.", label, O_TRUNC, text);
}

static int is_hidden(CK_SLOT_ID slot)
{
	char text[1024], label[33], *line, *rest = text;

	label_of(slot, label);
	if (read_text("hide", "", text, sizeof text) < 0)
		return 0;
	while ((line = strsep(&rest, "\n")))
		if (*line && strcmp(line, label) == 0)
			return 1;
	return 0;
}

/* ---- the functions that differ ---- */

static CK_RV initialize(void *arguments)
{
	return access(DIRECTORY "absent", F_OK) == 0 ? CKR_DEVICE_ERROR : real->C_Initialize(arguments);
}

static CK_RV get_slot_list(unsigned char present, CK_SLOT_ID *slots, CK_ULONG *count)
{
	CK_SLOT_ID all[64];
	CK_ULONG n = 64, kept = 0;
	CK_RV rv = real->C_GetSlotList(present, all, &n);

	if (rv != CKR_OK)
		return rv;
	for (CK_ULONG i = 0; i < n; i++)
		if (!is_hidden(all[i]))
			all[kept++] = all[i];
	if (slots && *count < kept)
		return CKR_BUFFER_TOO_SMALL;
	if (slots)
		memcpy(slots, all, kept * sizeof *slots);
	*count = kept;
	return CKR_OK;
}

/* A card can be taken out, which SSSD wants to see. */
static CK_RV get_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *i)
{
	CK_RV rv = real->C_GetSlotInfo(slot, i);

	if (rv == CKR_OK)
		i->flags |= CKF_REMOVABLE_DEVICE;
	return rv;
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *t)
{
	CK_RV rv = real->C_GetTokenInfo(slot, t);
	char label[33], text[32];
	int tries;

	if (rv != CKR_OK)
		return rv;
	label_of(slot, label);
	tries = tries_left(label);
	t->flags &= ~(CK_FLAGS)(CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED);
	if (tries < TRIES && tries > 0)
		t->flags |= CKF_USER_PIN_COUNT_LOW;
	if (tries == 1)
		t->flags |= CKF_USER_PIN_FINAL_TRY;
	if (tries == 0)
		t->flags |= CKF_USER_PIN_LOCKED;
	if (read_text("flags.", label, text, sizeof text) == 0) {
		if (*text == '-')
			t->flags &= ~(CK_FLAGS)strtoul(text + 1, NULL, 16);
		else
			t->flags |= strtoul(text, NULL, 16);
	}
	return rv;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
			  CK_SESSION_HANDLE *session)
{
	CK_RV rv = real->C_OpenSession(slot, flags, application, notify, session);

	if (rv == CKR_OK)
		slot_of[*session % 256] = slot;
	return rv;
}

static CK_RV try_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char *pin, CK_ULONG len,
		       const char *label)
{
	int tries = tries_left(label);
	CK_RV rv;

	if (tries == 0)
		return CKR_PIN_LOCKED;
	rv = real->C_Login(session, user, pin, len);
	if (rv == CKR_OK)
		set_tries(label, TRIES);
	else if (rv == CKR_PIN_INCORRECT)
		set_tries(label, tries - 1);
	return rv;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char *pin, CK_ULONG len)
{
	char label[33], line[64];
	CK_RV rv;

	if (read_text("slow", "", line, sizeof line) == 0)
		(void)usleep((useconds_t)atoi(line) * 1000);
	label_of(slot_of[session % 256], label);
	rv = try_login(session, user, pin, len, label);
	(void)snprintf(line, sizeof line, "%s %lx\n", label, rv);
	write_text("log", "", O_APPEND, line);
	return rv;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	CK_C_GetFunctionList get;
	void *library = dlopen(SOFTHSM, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return CKR_GENERAL_ERROR;
	get = (CK_C_GetFunctionList)(uintptr_t)dlsym(library, "C_GetFunctionList");
	if (!get || get(&real) != CKR_OK)
		return CKR_GENERAL_ERROR;
	ours = *real;
	ours.C_GetFunctionList = C_GetFunctionList;
	ours.C_Initialize = initialize;
	ours.C_GetSlotList = get_slot_list;
	ours.C_GetSlotInfo = get_slot_info;
	ours.C_GetTokenInfo = get_token_info;
	ours.C_OpenSession = open_session;
	ours.C_Login = login;
	*list = &ours;
	return CKR_OK;
}
