/* SPDX-License-Identifier: MIT */
/*
 * Smart cards that PAM verifies (smartcard = pkinit). That is the default, so the checks are made only when krb5.conf
 * has pkinit_anchors, which shows that cards are in use.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <profile.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/regular-file.h"
#include "credsspctl/check/check.h"
#include "credsspctl/check/kerberos.h"
#include "credsspctl/host/pamstack.h"

#define PLUGIN LIBRARY_DIR "/krb5/plugins/preauth/pkinit.so"

/* Returns NULL when the file has a certificate that is valid now, else what is wrong. */
static const char *wrong_with(const char *path)
{
	AUTO_FCLOSE FILE *f = regular_file_stream(path);
	X509 *x = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
	const char *wrong = NULL;

	if (!f)
		return strerror(errno);
	ERR_clear_error();
	if (!x)
		return "there is no certificate in PEM form in it";
	if (X509_cmp_current_time(X509_get0_notAfter(x)) <= 0)
		wrong = "the certificate has expired";
	X509_free(x);
	return wrong;
}

/* As wrong_with() for a directory, in which one valid file is enough. */
static const char *wrong_with_directory(const char *path)
{
	DIR *d = opendir(path);
	const char *wrong = d ? "there is no certificate in it" : strerror(errno);
	struct dirent *e;

	while (d && wrong && (e = readdir(d))) {
		AUTO_FREE char *file = NULL;

		if (e->d_name[0] == '.' || asprintf(&file, "%s/%s", path, e->d_name) < 0)
			file = NULL;
		if (file && !wrong_with(file))
			wrong = NULL;
	}
	if (d)
		(void)closedir(d);
	return wrong;
}

static enum check_result pkinit_anchors(struct check_context *ctx, struct finding *found)
{
	char **values = kerberos_anchors(ctx);
	const char *wrong = NULL;

	for (char **v = values; v && *v && !wrong; v++) {
		(void)check_looked(found, "pkinit_anchors = %s", *v);
		if (strncmp(*v, "FILE:", 5) == 0)
			wrong = wrong_with(*v + 5);
		else if (strncmp(*v, "DIR:", 4) == 0)
			wrong = wrong_with_directory(*v + 4);
		else /* pam_credssp's helper supports no other form */
			wrong = "it begins with neither FILE: nor DIR:";
	}
	if (!found->looked_at)
		(void)check_looked(found, "pkinit_anchors");
	if (!values)
		return CHECK_NONE;
	profile_free_list(values);
	if (!wrong)
		return CHECK_OK;
	(void)check_wrong(found, "%s", wrong);
	return check_remedy(found, "pkinit_anchors in /etc/krb5.conf: the certificate of the CA that signs the KDC's");
}

static enum check_result pkinit_plugin(struct check_context *ctx, struct finding *found)
{
	if (!kerberos_has_cards(ctx))
		return CHECK_NONE;
	(void)check_looked(found, PLUGIN);
	if (access(PLUGIN, R_OK) == 0)
		return CHECK_OK;
	(void)check_wrong(found, "%s: libkrb5 cannot do PKINIT", strerror(errno));
	return check_remedy(found, "apt install krb5-pkinit");
}

/* Returns the PKCS#11 module of "pam_credssp.so verify"; NULL without one, or when another PAM module uses the PIN. */
static char *module_of(struct check_context *ctx)
{
	struct pamstack *s = NULL;
	AUTO_FREE char *error = NULL;
	AUTO_CLOSE int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *module = NULL;

	if (!ctx->has_settings || pamstack_read(root, ctx->settings.service, "auth", &s, &error) < 0)
		return NULL;
	for (size_t i = 0; i < s->n && !module; i++) {
		const char *path = pamstack_arg(&s->line[i], "pkcs11_module");

		if (strcmp(s->line[i].module, "pam_credssp") == 0 && pamstack_has_arg(&s->line[i], "verify") &&
		    !pamstack_has_arg(&s->line[i], "pin=conversation"))
			module = strdup(path ? path : PKCS11_PROXY_MODULE);
	}
	pamstack_free(s);
	return module;
}

static enum check_result pkcs11_module(struct check_context *ctx, struct finding *found)
{
	AUTO_FREE char *module = kerberos_has_cards(ctx) ? module_of(ctx) : NULL;
	void *loaded;
	bool right;

	if (!module)
		return CHECK_NONE;
	(void)check_looked(found, "PKCS#11 module %s", module);
	loaded = dlopen(module, RTLD_NOW | RTLD_LOCAL);
	right = loaded && dlsym(loaded, "C_GetFunctionList");
	if (!right)
		(void)check_wrong(found, "%s", loaded ? "it is no PKCS#11 module" : dlerror());
	if (loaded)
		(void)dlclose(loaded);
	if (right)
		return CHECK_OK;
	return check_remedy(
	    found, "apt install p11-kit-modules opensc-pkcs11, or pkcs11_module= on the line of pam_credssp verify");
}

struct check_area check_smartcard_area(void)
{
	static const struct check_row rows[] = {
		{ "pkinit-anchors", CHECK_ERROR, pkinit_anchors },
		{ "pkinit-plugin", CHECK_ERROR, pkinit_plugin },
		{ "pkcs11-module", CHECK_ERROR, pkcs11_module },
	};

	return (struct check_area){ rows, sizeof rows / sizeof *rows };
}
