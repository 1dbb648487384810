/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/faults.h"

#include <errno.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5/krb5.h>
#include <malloc.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static uint32_t state;
static unsigned rate, injected;

void faults_begin(uint32_t seed, unsigned in)
{
	state = seed;
	rate = in;
	injected = 0;
}

unsigned faults_end(void)
{
	state = 0;
	return injected;
}

static bool fails(void)
{
	if (!state)
		return false;
	/* xorshift */
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	if (state % rate)
		return false;
	injected++;
	errno = ENOMEM;
	return true;
}

/* One function of the library: what it is called with, and what it returns when it fails. */
#define WRAP(type, failure, name, parameters, arguments) \
	type __real_##name parameters; \
	type __wrap_##name parameters; \
	type __wrap_##name parameters \
	{ \
		return fails() ? (failure) : __real_##name arguments; \
	}

WRAP(void *, NULL, malloc, (size_t n), (n))
WRAP(void *, NULL, calloc, (size_t n, size_t size), (n, size))
WRAP(void *, NULL, realloc, (void *p, size_t n), (p, n))
WRAP(char *, NULL, strdup, (const char *s), (s))
WRAP(void *, MAP_FAILED, mmap, (void *p, size_t n, int prot, int flags, int fd, off_t at), (p, n, prot, flags, fd, at))
WRAP(int, -1, vasprintf, (char **out, const char *fmt, va_list ap), (out, fmt, ap))

WRAP(EVP_MD_CTX *, NULL, EVP_MD_CTX_new, (void), ())
WRAP(int, 0, EVP_DigestInit_ex, (EVP_MD_CTX * c, const EVP_MD *md, ENGINE *e), (c, md, e))
WRAP(int, 0, EVP_DigestFinal_ex, (EVP_MD_CTX * c, unsigned char *out, unsigned *len), (c, out, len))
WRAP(EVP_MAC_CTX *, NULL, EVP_MAC_CTX_new, (EVP_MAC * mac), (mac))
WRAP(EVP_CIPHER_CTX *, NULL, EVP_CIPHER_CTX_new, (void), ())
WRAP(int, 0, EVP_EncryptUpdate, (EVP_CIPHER_CTX * c, unsigned char *out, int *n, const unsigned char *in, int len),
     (c, out, n, in, len))

#define GSS(name, parameters, arguments) \
	OM_uint32 __real_##name parameters; \
	OM_uint32 __wrap_##name parameters; \
	OM_uint32 __wrap_##name parameters \
	{ \
		if (!fails()) \
			return __real_##name arguments; \
		*minor = ENOMEM; \
		return GSS_S_FAILURE; \
	}

GSS(gss_accept_sec_context,
    (OM_uint32 * minor, gss_ctx_id_t *ctx, gss_cred_id_t cred, gss_buffer_t in, gss_channel_bindings_t cb,
     gss_name_t *src, gss_OID *mech, gss_buffer_t out, OM_uint32 *flags, OM_uint32 *time, gss_cred_id_t *delegated),
    (minor, ctx, cred, in, cb, src, mech, out, flags, time, delegated))
GSS(gss_unwrap, (OM_uint32 * minor, gss_ctx_id_t ctx, gss_buffer_t in, gss_buffer_t out, int *sealed, gss_qop_t *qop),
    (minor, ctx, in, out, sealed, qop))
GSS(gss_wrap,
    (OM_uint32 * minor, gss_ctx_id_t ctx, int seal, gss_qop_t qop, gss_buffer_t in, int *sealed, gss_buffer_t out),
    (minor, ctx, seal, qop, in, sealed, out))
GSS(gss_wrap_iov,
    (OM_uint32 * minor, gss_ctx_id_t ctx, int seal, gss_qop_t qop, int *sealed, gss_iov_buffer_desc *iov, int n),
    (minor, ctx, seal, qop, sealed, iov, n))
GSS(gss_display_name, (OM_uint32 * minor, gss_name_t name, gss_buffer_t out, gss_OID *type), (minor, name, out, type))
GSS(gss_get_mic, (OM_uint32 * minor, gss_ctx_id_t ctx, gss_qop_t qop, gss_buffer_t in, gss_buffer_t out),
    (minor, ctx, qop, in, out))
GSS(gss_verify_mic, (OM_uint32 * minor, gss_ctx_id_t ctx, gss_buffer_t in, gss_buffer_t mic, gss_qop_t *qop),
    (minor, ctx, in, mic, qop))

#define KRB5(name, parameters, arguments) WRAP(krb5_error_code, ENOMEM, name, parameters, arguments)

KRB5(krb5_copy_principal, (krb5_context k, krb5_const_principal in, krb5_principal *out), (k, in, out))
KRB5(krb5_copy_keyblock_contents, (krb5_context k, const krb5_keyblock *in, krb5_keyblock *out), (k, in, out))
KRB5(krb5_kt_resolve, (krb5_context k, const char *name, krb5_keytab *out), (k, name, out))
KRB5(krb5_kt_add_entry, (krb5_context k, krb5_keytab t, krb5_keytab_entry *e), (k, t, e))
KRB5(krb5_kt_start_seq_get, (krb5_context k, krb5_keytab t, krb5_kt_cursor *c), (k, t, c))
KRB5(krb5_auth_con_init, (krb5_context k, krb5_auth_context *out), (k, out))
KRB5(krb5_rd_cred, (krb5_context k, krb5_auth_context a, krb5_data *in, krb5_creds ***out, krb5_replay_data *r),
     (k, a, in, out, r))

/* ---- what is freed ---- */

static struct {
	const void *p[2];
	size_t len;
} watched;

void faults_watch(const void *a, const void *b, size_t len)
{
	watched.p[0] = a;
	watched.p[1] = b;
	watched.len = len;
}

static void look(const char *what, const void *p, size_t len)
{
	for (size_t i = 0; i < 2; i++) {
		if (!watched.p[i] || !p || !memmem(p, len, watched.p[i], watched.len))
			continue;
		(void)fprintf(stderr, "%s with a secret in it\n", what);
		abort();
	}
}

void __real_free(void *p);
void __wrap_free(void *p);

void __wrap_free(void *p)
{
	look("freed", p, p ? malloc_usable_size(p) : 0);
	__real_free(p);
}

int __real_munmap(void *p, size_t len);
int __wrap_munmap(void *p, size_t len);

int __wrap_munmap(void *p, size_t len)
{
	look("unmapped", p, len);
	return __real_munmap(p, len);
}
