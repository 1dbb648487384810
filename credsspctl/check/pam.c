/* SPDX-License-Identifier: MIT */
/*
 * The PAM stack behind the front end. What it does with a password, a card or a refused ticket is played through
 * (pamstack.h) rather than compared with the stacks that are shipped: there are many ways to write a right one.
 */
#include <errno.h>
#include <fcntl.h>
#include <krb5.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "credsspctl/check/check.h"
#include "credsspctl/host/atomic-file.h"
#include "credsspctl/host/pamstack.h"
#include "credsspctl/host/stack-edit.h"
#include "credsspctl/host/stack-options.h"
#include "credsspctl/host/stack-play.h"
#include "credsspctl/xrdp/xrdp.h"

#define PAM_DIRECTORY "/etc/pam.d"
#define EXAMPLES "/usr/share/pam-credssp/pam.d"
#define US STACK_MODULE
#define ENABLE "credsspctl xrdp enable (--dry-run shows what it puts in)"

/* Reads the lines of @type of the front end's service. */
static int read_service(const struct check_context *ctx, const char *type, struct pamstack **ret, char **ret_error)
{
	AUTO_CLOSE int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*ret_error = NULL;
	return root < 0 ? -errno : pamstack_read(root, ctx->settings.service, type, ret, ret_error);
}

/* Returns NULL when the stack cannot be read; pam_stack() reports that. */
static struct pamstack *load(const struct check_context *ctx, struct finding *found, const char *type)
{
	struct pamstack *s = NULL;
	AUTO_FREE char *error = NULL;

	if (!ctx->has_settings)
		return NULL;
	(void)check_looked(found, PAM_DIRECTORY "/%s, %s", ctx->settings.service, type);
	if (read_service(ctx, type, &s, &error) < 0)
		return NULL;
	return s;
}

/* ---- the checks ---- */

static bool is_xrdp(const struct check_context *ctx)
{
	return strcmp(ctx->settings.service, "xrdp-sesman") == 0;
}

/* Returns whether "credsspctl xrdp enable" would add the lines: not when an administrator has written such lines. */
static bool is_enabled_by_us(const struct check_context *ctx)
{
	CLEANUP(file_text_done) struct file_text live = FILE_TEXT_NULL;

	if (!is_xrdp(ctx))
		return false;
	return atomic_file_read(AT_FDCWD, PAM_DIRECTORY "/xrdp-sesman", &live) < 0 || !stack_edit_has_own(live.data);
}

/* The remedy for missing or wrong lines: the command when it makes them, otherwise @by_hand. */
static enum check_result remedy_lines(const struct check_context *ctx, struct finding *found, const char *by_hand)
{
	return check_remedy(found, "%s", is_enabled_by_us(ctx) ? ENABLE : by_hand);
}

static enum check_result pam_module(struct check_context *ctx, struct finding *found)
{
	(void)check_looked(found, PAM_MODULE_DIR "/" US ".so");
	if (access(PAM_MODULE_DIR "/" US ".so", R_OK) == 0)
		return CHECK_OK;
	(void)check_wrong(found, "%s: every logon fails", strerror(errno));
	return check_remedy(found, "install libpam-credssp (or: make install)");
}

static enum check_result pam_stack(struct check_context *ctx, struct finding *found)
{
	AUTO_FREE char *error = NULL;
	struct pamstack *s = NULL;
	bool there;

	if (!ctx->has_settings)
		return CHECK_NONE;
	(void)check_looked(found, PAM_DIRECTORY "/%s", ctx->settings.service);
	if (read_service(ctx, "auth", &s, &error) < 0) {
		(void)check_wrong(found, "%s", error ? error : "cannot be read");
	} else {
		there = stack_first(s, STACK_REDEEM) != NULL;
		pamstack_free(s);
		if (there)
			return CHECK_OK;
		(void)check_wrong(found, "no line \"auth ... " US
					 ".so redeem\": a ticket is verified as if it were the password");
	}
	return remedy_lines(ctx, found,
			    "by hand, as pam_credssp(8) says: auth [success=ignore ignore=ignore default=die] " US
			    ".so redeem require_ticket");
}

/* libpam looks for a name without a slash in its own directory. */
static bool module_exists(const struct pamstack_line *l)
{
	AUTO_FREE char *path = NULL;

	if (!l->path || l->may_be_missing || strcmp(l->module, US) == 0) /* pam_module() */
		return true;
	if (asprintf(&path, "%s%s", l->path[0] == '/' ? "" : PAM_MODULE_DIR "/", l->path) < 0)
		path = NULL;
	return !path || access(path, R_OK) == 0;
}

/* libpam fails a service when it cannot load one of its modules, whatever the control of the line. */
static enum check_result pam_modules(struct check_context *ctx, struct finding *found)
{
	static const char *const types[] = { "auth", "account", "session" };
	enum check_result result = CHECK_NONE;

	for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
		AUTO_PAMSTACK struct pamstack *s = load(ctx, found, types[t]);

		for (size_t i = 0; s && i < s->n; i++) {
			result = CHECK_OK;
			if (module_exists(&s->line[i]))
				continue;
			(void)check_wrong(found, "%s: there is no such module", s->line[i].path);
			return check_remedy(found, "install its package (apt-file search %s), or remove the line",
					    s->line[i].path);
		}
	}
	return result;
}

/* A module before `redeem` would ask for the password, get the ticket, and send it to its server. */
static enum check_result pam_order(struct check_context *ctx, struct finding *found)
{
	AUTO_PAMSTACK struct pamstack *s = load(ctx, found, "auth");
	bool redeemed = false;

	if (!s || !stack_first(s, STACK_REDEEM))
		return CHECK_NONE;
	for (size_t i = 0; i < s->n; i++) {
		enum stack_kind kind = stack_kind_of(&s->line[i]);

		redeemed = redeemed || (*s->line[i].module && kind == STACK_REDEEM);
		if (redeemed || (!stack_asks(&s->line[i]) && kind != STACK_VERIFY))
			continue;
		(void)check_wrong(found, "%s%s stands before the ticket is redeemed and is given the ticket",
				  s->line[i].module, kind == STACK_VERIFY ? " verify" : "");
		return remedy_lines(ctx, found, "put the line \"" US ".so redeem\" before it");
	}
	return CHECK_OK;
}

static enum check_result pam_require_ticket(struct check_context *ctx, struct finding *found)
{
	AUTO_PAMSTACK struct pamstack *s = load(ctx, found, "auth");

	if (!s || !stack_first(s, STACK_REDEEM))
		return CHECK_NONE;
	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->line[i].module, US) != 0 || pamstack_has_arg(&s->line[i], "require_ticket"))
			continue;
		(void)check_wrong(found,
				  US " %s without require_ticket: a client that reaches sesman logs on without NLA",
				  stack_kind_of(&s->line[i]) == STACK_VERIFY ? "verify" : "redeem");
		return remedy_lines(ctx, found, "add require_ticket to every auth line of " US);
	}
	return CHECK_OK;
}

/* A redeemed ticket alone must not log a user on, and a refused ticket must end the logon. */
static enum check_result pam_redeem(struct check_context *ctx, struct finding *found)
{
	AUTO_PAMSTACK struct pamstack *s = load(ctx, found, "auth");

	if (!s || !stack_first(s, STACK_REDEEM) || stack_play_succeeds(s, &stack_play_wrong))
		return CHECK_NONE;
	if (stack_play_succeeds(s, &stack_play_refused))
		(void)check_wrong(found, "the stack continues after the ticket was refused");
	else if (stack_play_succeeds(s, &stack_play_counted))
		(void)check_wrong(found, "a redeemed ticket counts as a success, whatever the password");
	else
		return CHECK_OK;
	return remedy_lines(ctx, found,
			    "auth [success=ignore ignore=ignore default=die] " US ".so redeem require_ticket");
}

static enum check_result pam_wrong_password(struct check_context *ctx, struct finding *found)
{
	AUTO_PAMSTACK struct pamstack *s = load(ctx, found, "auth");

	if (!s || !stack_first(s, STACK_REDEEM))
		return CHECK_NONE;
	if (!stack_play_succeeds(s, &stack_play_wrong))
		return CHECK_OK;
	(void)check_wrong(found, "the stack logs a user on although no module has verified the password");
	return check_remedy(found, "auth requisite pam_deny.so behind the modules that verify; see " EXAMPLES);
}

/* Plays each module that verifies passwords alone, because each serves other accounts. */
static enum check_result pam_password(struct check_context *ctx, struct finding *found)
{
	AUTO_PAMSTACK struct pamstack *s = load(ctx, found, "auth");
	struct stack_play right = stack_play_right;

	if (!s || !stack_first(s, STACK_REDEEM) || !stack_first(s, STACK_PASSWORD))
		return CHECK_NONE;
	for (size_t i = 0; i < s->n; i++) {
		int action = s->line[i].action[PAMSTACK_SUCCESS];

		right.only = i;
		if (stack_kind_of(&s->line[i]) != STACK_PASSWORD || (action <= 0 && action != PAMSTACK_DO_DONE) ||
		    stack_play_succeeds(s, &right))
			continue;
		(void)check_wrong(found, "a user whose password %s verifies is refused", s->line[i].module);
		return check_remedy(found, "success=N of its line skips N lines: count to auth required pam_permit.so");
	}
	return CHECK_OK;
}

static bool needs_verify(const struct config *c)
{
	return c->remote_guard != CONFIG_REMOTE_GUARD_REFUSE || c->restricted_admin ||
	       (c->kerberos && c->smartcard == CONFIG_SMARTCARD_GSS);
}

static enum check_result pam_verify(struct check_context *ctx, struct finding *found)
{
	AUTO_PAMSTACK struct pamstack *s = load(ctx, found, "auth");

	if (!s || !ctx->has_config || !stack_first(s, STACK_REDEEM))
		return CHECK_NONE;
	if (!stack_first(s, STACK_VERIFY)) {
		if (!needs_verify(&ctx->config))
			return CHECK_NONE;
		(void)check_wrong(found,
				  "no line \"" US
				  ".so verify\": smart cards, remote guard and restricted admin, which %s "
				  "allows, are refused",
				  CONFIG_PATH_DEFAULT);
		return remedy_lines(ctx, found,
				    "auth [success=done ignore=ignore default=die] " US
				    ".so verify require_ticket, behind redeem; see " EXAMPLES);
	}
	if (stack_play_succeeds(s, &stack_play_proved))
		return CHECK_OK;
	(void)check_wrong(found, "a user whom " US " verify has proved is refused");
	return check_remedy(found, "success=N of its line skips N lines: count to auth required pam_permit.so");
}

/* ---- the arguments that repeat credsspd.conf ---- */

/* Returns whether "credsspctl xrdp enable" has added the lines, so that running it again replaces them. */
static bool is_made(const struct check_context *ctx)
{
	CLEANUP(file_text_done) struct file_text live = FILE_TEXT_NULL;

	return is_xrdp(ctx) && atomic_file_read(AT_FDCWD, PAM_DIRECTORY "/xrdp-sesman", &live) == 0 &&
	       stack_edit_is_in(live.data);
}

/* The remedy for an argument: the command for its own lines, else sed with @script. */
static enum check_result remedy_argument(const struct check_context *ctx, struct finding *found, const char *script)
{
	if (is_made(ctx))
		return check_remedy(found, "credsspctl xrdp enable");
	return check_remedy(found, "sed -i '%s' " PAM_DIRECTORY "/%s", script, ctx->settings.service);
}

static const char *what_needs_proof(const struct config *c)
{
	if (c->restricted_admin)
		return "restricted_admin = allow";
	return c->remote_guard == CONFIG_REMOTE_GUARD_ALLOW ? "remote_guard = allow" : "smartcard = gss";
}

/* Returns the first line of `verify` that has accept_proof, or that lacks it; NULL without such a line. */
static const struct pamstack_line *verify_line(const struct check_context *ctx, const struct pamstack *s,
					       bool accept_proof)
{
	for (size_t i = 0; s && ctx->has_config && i < s->n; i++)
		if (stack_kind_of(&s->line[i]) == STACK_VERIFY &&
		    pamstack_has_arg(&s->line[i], "accept_proof") == accept_proof)
			return &s->line[i];
	return NULL;
}

static enum check_result pam_accept_proof(struct check_context *ctx, struct finding *found)
{
	AUTO_PAMSTACK struct pamstack *s = load(ctx, found, "auth");

	if (!s || !ctx->has_config || !stack_first(s, STACK_VERIFY) || !stack_options_of(&ctx->config).accept_proof)
		return CHECK_NONE;
	if (!verify_line(ctx, s, false))
		return CHECK_OK;
	(void)check_wrong(found, US " verify without accept_proof refuses the logons that %s in %s allows",
			  what_needs_proof(&ctx->config), CONFIG_PATH_DEFAULT);
	return remedy_argument(ctx, found,
			       "/^-\\?auth.*pam_credssp\\.so/{s/ accept_proof\\b//;s/ verify\\b/& accept_proof/}");
}

/* accept_proof makes the stack trust credsspd, so it should be there only when it is needed. */
static enum check_result pam_proof_unused(struct check_context *ctx, struct finding *found)
{
	AUTO_PAMSTACK struct pamstack *s = load(ctx, found, "auth");

	if (!s || !ctx->has_config || !stack_first(s, STACK_VERIFY) || stack_options_of(&ctx->config).accept_proof)
		return CHECK_NONE;
	if (!verify_line(ctx, s, true))
		return CHECK_OK;
	(void)check_wrong(found,
			  US
			  " verify has accept_proof, which accepts users that CredSSP alone has proved, and nothing in "
			  "%s needs it",
			  CONFIG_PATH_DEFAULT);
	return remedy_argument(ctx, found, "/^-\\?auth.*pam_credssp\\.so/s/ accept_proof\\b//");
}

/* Sets *@ret to minimum_uid of `redeem` minus that of credsspd.conf, and the texts for a difference; or returns
 * false. */
static bool uid_difference(struct check_context *ctx, struct finding *found, int64_t *ret)
{
	AUTO_PAMSTACK struct pamstack *s = load(ctx, found, "auth");
	const struct pamstack_line *l = s ? stack_first(s, STACK_REDEEM) : NULL;
	const char *text = l ? pamstack_arg(l, "minimum_uid") : NULL;
	unsigned has = text ? (unsigned)strtoul(text, NULL, 10) : MINIMUM_UID_DEFAULT, wanted;
	char script[160];

	if (!l || !ctx->has_config)
		return false;
	wanted = stack_options_of(&ctx->config).minimum_uid;
	(void)check_wrong(found, US " redeem has minimum_uid=%u, and %s lets accounts from uid %u log on", has,
			  CONFIG_PATH_DEFAULT, wanted);
	(void)snprintf(script, sizeof script,
		       "/^-\\?auth.*pam_credssp\\.so/{/ verify\\b/!{s/ minimum_uid=[0-9]*//;s/pam_credssp\\.so/& "
		       "minimum_uid=%u/}}",
		       wanted);
	(void)remedy_argument(ctx, found, script);
	*ret = (int64_t)has - wanted;
	return true;
}

static enum check_result all_is_well(struct finding *found)
{
	free(found->wrong);
	free(found->remedy);
	found->wrong = found->remedy = NULL;
	return CHECK_OK;
}

static enum check_result pam_minimum_uid(struct check_context *ctx, struct finding *found)
{
	int64_t difference;

	if (!uid_difference(ctx, found, &difference))
		return CHECK_NONE;
	return difference > 0 ? CHECK_BAD : all_is_well(found);
}

static enum check_result pam_minimum_uid_low(struct check_context *ctx, struct finding *found)
{
	int64_t difference;

	return uid_difference(ctx, found, &difference) && difference < 0 ? CHECK_BAD : CHECK_NONE;
}

/* Returns whether krb5.conf sets @option: pam_krb5 reads most of its arguments there, too. */
static bool krb5_conf_says(const char *option)
{
	krb5_context context = NULL;
	char *realm = NULL;
	int value = 0;

	if (krb5_init_context(&context) != 0)
		return false;
	if (krb5_get_default_realm(context, &realm) == 0) {
		krb5_data name = { .data = realm, .length = (unsigned)strlen(realm) };

		krb5_appdefault_boolean(context, "pam", &name, option, 0, &value);
		krb5_free_default_realm(context, realm);
	} else {
		krb5_appdefault_boolean(context, "pam", NULL, option, 0, &value);
	}
	krb5_free_context(context);
	return value != 0;
}

static enum check_result pam_defer_pwchange(struct check_context *ctx, struct finding *found)
{
	static const char *const options[] = { "defer_pwchange", "fail_pwchange" };
	AUTO_PAMSTACK struct pamstack *s = load(ctx, found, "auth");
	const struct pamstack_line *l = s ? pamstack_find(s, "pam_krb5") : NULL;

	if (!l || !stack_first(s, STACK_REDEEM))
		return CHECK_NONE;
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (pamstack_has_arg(l, options[i]) || krb5_conf_says(options[i]))
			return CHECK_OK;
	(void)check_wrong(found,
			  "pam_krb5 asks for a new password when the old one has expired; the question is refused, "
			  "and the logon fails without a message to the user");
	return check_remedy(found, "in /etc/krb5.conf: [appdefaults] pam = { defer_pwchange = true }");
}

static enum check_result pam_account(struct check_context *ctx, struct finding *found)
{
	AUTO_PAMSTACK struct pamstack *s = load(ctx, found, "account");

	if (!s)
		return CHECK_NONE;
	if (s->n > 0 && strcmp(s->line[0].module, US) == 0)
		return CHECK_OK;
	(void)check_wrong(found, "a module that asks for a password here gets the ticket");
	return remedy_lines(ctx, found, "account required " US ".so as the first account line");
}

static enum check_result pam_account_ticket(struct check_context *ctx, struct finding *found)
{
	AUTO_PAMSTACK struct pamstack *s = load(ctx, found, "account");

	if (!s || !pamstack_find(s, US))
		return CHECK_NONE;
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->line[i].module, US) == 0 && pamstack_has_arg(&s->line[i], "require_ticket"))
			return CHECK_OK;
	(void)check_wrong(found,
			  "since xrdp 0.10 a local process of a user opens a desktop without a ticket (xrdp-sesrun)");
	return remedy_lines(ctx, found, "add require_ticket to the account line of " US);
}

/* Returns a module's result for a local account that has expired or must change its password. */
static enum pamstack_result expired(const struct pamstack_line *l, size_t i, const void *userdata)
{
	if (strcmp(l->module, "pam_krb5") == 0)
		return PAMSTACK_IGNORE; /* the password itself was right */
	/* modules for other accounts do not know the user */
	return strcmp(l->module, "pam_deny") == 0 || stack_kind_of(l) == STACK_PASSWORD ? PAMSTACK_FAILURE
											: PAMSTACK_SUCCESS;
}

static enum check_result pam_expired(struct check_context *ctx, struct finding *found)
{
	AUTO_PAMSTACK struct pamstack *s = load(ctx, found, "account");

	if (!s)
		return CHECK_NONE;
	if (!pamstack_succeeds(s, expired, NULL))
		return CHECK_OK;
	(void)check_wrong(found, "an expired local account can log on, and so can a user who must change the "
				 "password: the account phase leaves pam_unix out, or ignores its result");
	return check_remedy(found, "@include common-account behind the account line of " US
				   ", before any pam_localuser; see " EXAMPLES);
}

static enum check_result pam_session(struct check_context *ctx, struct finding *found)
{
	AUTO_PAMSTACK struct pamstack *s = load(ctx, found, "session");

	if (!s)
		return CHECK_NONE;
	if (pamstack_find(s, US))
		return CHECK_OK;
	(void)check_wrong(found, "the tickets of smart cards and remote guard do not reach the session");
	return remedy_lines(ctx, found, "session optional " US ".so as the first session line");
}

/* Package upgrades do not change the files in force, but dpkg or an administrator may have done so. */
static enum check_result xrdp_outdated_files(struct check_context *ctx, struct finding *found)
{
	AUTO_CLOSE int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *path;

	if (root < 0 || xrdp_outdated(root, &path) < 0)
		return CHECK_NONE;
	(void)check_looked(found, "/%s, with what credsspctl xrdp enable puts in",
			   path ? path : xrdp_paths[XRDP_STACK]);
	if (!path)
		return CHECK_OK;
	(void)check_wrong(found, "it differs from the file that credsspctl xrdp enable would make now");
	return check_remedy(found, "credsspctl xrdp enable (--dry-run shows the difference); it restarts xrdp, which "
				   "ends its connections");
}

struct check_area check_pam_area(void)
{
	static const struct check_row rows[] = {
		{ "pam-module", CHECK_ERROR, pam_module },
		{ "pam-stack", CHECK_ERROR, pam_stack },
		{ "pam-modules", CHECK_ERROR, pam_modules },
		{ "pam-order", CHECK_ERROR, pam_order },
		{ "pam-require-ticket", CHECK_ERROR, pam_require_ticket },
		{ "pam-redeem", CHECK_ERROR, pam_redeem },
		{ "pam-wrong-password", CHECK_ERROR, pam_wrong_password },
		{ "pam-password", CHECK_ERROR, pam_password },
		{ "pam-verify", CHECK_ERROR, pam_verify },
		{ "pam-accept-proof", CHECK_ERROR, pam_accept_proof },
		{ "pam-proof-unused", CHECK_WARNING, pam_proof_unused },
		{ "pam-minimum-uid", CHECK_ERROR, pam_minimum_uid },
		{ "pam-minimum-uid-low", CHECK_WARNING, pam_minimum_uid_low },
		{ "pam-defer-pwchange", CHECK_WARNING, pam_defer_pwchange },
		{ "pam-account", CHECK_ERROR, pam_account },
		{ "pam-account-ticket", CHECK_WARNING, pam_account_ticket },
		{ "pam-expired", CHECK_ERROR, pam_expired },
		{ "pam-session", CHECK_WARNING, pam_session },
		{ "xrdp-outdated", CHECK_WARNING, xrdp_outdated_files },
	};

	return (struct check_area){ rows, sizeof rows / sizeof *rows };
}
