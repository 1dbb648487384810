/* SPDX-License-Identifier: MIT */
#include "credsspctl/ad.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "credsspctl/host/atomic-file.h"
#include "credsspctl/host/diff.h"
#include "credsspctl/host/smb-conf.h"

#define SMB_CONF "etc/samba/smb.conf"
#define SERVICE "TERMSRV"
#define HOST_KEYTAB "/etc/krb5.keytab"
#define SYNC "sync machine password to keytab"
#define TIMEOUT "machine password timeout"
#define TIMER "credsspd-machine-password.timer"

struct job {
	const struct ad_host *host;
	bool dry_run;
	char *machine; /* the NetBIOS name of this host */
	bool has_sync; /* Samba writes keytabs by itself */
	char *problem;
};

__attribute__((format(printf, 3, 4))) static int fail(const struct job *j, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(j->problem, AD_PROBLEM_MAX, fmt, ap);
	va_end(ap);
	return r;
}

/* ---- programs ---- */

static void show_command(FILE *out, const char *const *argv)
{
	for (size_t i = 0; argv[i]; i++) {
		const char *quote = argv[i][strcspn(argv[i], " $\\\"*")] ? "'" : "";

		(void)fprintf(out, "%s%s%s%s", i > 0 ? " " : "", quote, argv[i], quote);
	}
	(void)fputc('\n', out);
	(void)fflush(out);
}

/* Runs a program that changes nothing. *@ret_output may be set also on failure. */
static int ask(const struct job *j, const char *const *argv, char **ret_output)
{
	int r = j->host->run(argv, ret_output);

	if (r == -ENOENT)
		return fail(j, r, "there is no program %s: is Samba installed (samba-common-bin)?", argv[0]);
	return r == 0 ? 0 : fail(j, r < 0 ? r : -EIO, "\"%s %s\" has failed", argv[0], argv[1]);
}

/* Prints the command, and runs it without --dry-run. */
static int run(const struct job *j, const char *const *argv)
{
	char *output = NULL; /* by hand: gcc's analyzer does not see through the attribute here */
	int r;

	show_command(j->host->out, argv);
	if (j->dry_run)
		return 0;
	r = j->host->run(argv, &output);
	if (r != 0)
		(void)fprintf(j->host->out, "%s", output ? output : "");
	free(output);
	return r == 0 ? 0 : fail(j, r < 0 ? r : -EIO, "the last command has failed");
}

/* Reads the effective value of an smb.conf parameter, without blanks around it. */
static int parameter(const struct job *j, const char *name, char **ret_value)
{
	char option[128];
	/* Samba 4.22: the checks of testparm do not know spn_prefixes beside account_name, which Samba itself takes */
	const char *argv[] = { "testparm", "--suppress-prompt", "--skip-logic-checks", option, NULL };
	AUTO_FREE char *output = NULL;
	char *last;
	int r;

	(void)snprintf(option, sizeof option, "--parameter-name=%s", name); /* a name of this file */
	r = ask(j, argv, &output);
	if (r < 0)
		return r;
	/* warnings may come before it */
	for (size_t n = strlen(output); n > 0 && isspace((unsigned char)output[n - 1]);)
		output[--n] = '\0';
	last = strrchr(output, '\n');
	last = last ? last + 1 : output;
	*ret_value = strdup(last + strspn(last, " \t"));
	return *ret_value ? 0 : -ENOMEM;
}

/* ---- smb.conf ---- */

static int put_conf(const struct job *j, const struct file_text *to)
{
	int r = atomic_file_replace(j->host->root, SMB_CONF, to);

	return r < 0 ? fail(j, r, "/" SMB_CONF " cannot be replaced: %s", strerror(-r)) : 0;
}

/* Reloads winbindd, which changes the password. When it does not run, it reads the file at its start. */
static void reload_winbindd(const struct job *j)
{
	static const char *const argv[] = { "smbcontrol", "winbindd", "reload-config", NULL };
	AUTO_FREE char *output = NULL;

	show_command(j->host->out, argv);
	if (!j->dry_run && j->host->run(argv, &output) != 0)
		(void)fputs("winbindd does not run: it reads smb.conf when it starts\n", j->host->out);
}

struct setting {
	const char *key;
	const char *value; /* NULL: the line is removed */
	bool append;       /* after the present value */
};

static int set_in_text(const struct setting *set, const char *text, char **ret)
{
	return set->value ? smb_conf_set(text, set->key, set->value, set->append, ret)
			  : smb_conf_unset(text, set->key, ret);
}

/* Changes [global]. *@ret_before is the file as it was, once it was replaced; without data before that. */
static int change_conf(const struct job *j, const struct setting *set, struct file_text *ret_before)
{
	CLEANUP(file_text_done) struct file_text before = FILE_TEXT_NULL;
	CLEANUP(file_text_done) struct file_text after = FILE_TEXT_NULL;
	AUTO_FREE char *text = NULL;
	int r = atomic_file_read(j->host->root, SMB_CONF, &before);

	if (r < 0)
		return fail(j, r, "/" SMB_CONF ": %s", r == -ELOOP ? "is a symbolic link" : strerror(-r));
	r = set_in_text(set, before.data, &text);
	if (r == -ENOENT && !set->value)
		return 0; /* set in another file (include) */
	if (r < 0)
		return fail(j, r, "/" SMB_CONF ": %s", r == -ENOENT ? "there is no [global]" : strerror(-r));
	if (diff_print(j->host->out, "/" SMB_CONF, before.data, text) < 0)
		(void)fputs("/" SMB_CONF " changes; diff, which shows how, cannot be run\n", j->host->out);
	if (!j->dry_run) {
		after = before;
		after.data = text;
		after.len = strlen(text);
		text = NULL;
		r = put_conf(j, &after);
		if (r < 0)
			return r;
		*ret_before = before;
		before = FILE_TEXT_NULL;
	}
	reload_winbindd(j);
	return 0;
}

static void put_back(const struct job *j, const struct file_text *before)
{
	char problem[AD_PROBLEM_MAX];
	struct job quiet = *j;

	quiet.problem = problem;
	if (!before->data)
		return;
	if (put_conf(&quiet, before) < 0) {
		(void)fprintf(j->host->out, "%s\n", problem);
		return;
	}
	(void)fputs("/" SMB_CONF ": put back\n", j->host->out);
	reload_winbindd(j);
}

/* ---- Samba 4.21 and later ---- */

static bool has_line(const char *text, const char *wanted)
{
	size_t len = strlen(wanted);

	for (; text && *text; text = strchr(text, '\n'), text = text ? text + 1 : NULL) {
		text += strspn(text, " \t");
		if (strncasecmp(text, wanted, len) == 0 && strchr("\n\r \t", text[len]))
			return true;
	}
	return false;
}

static int add_name(const struct job *j, const char *names, const char *host)
{
	char name[512];
	const char *const argv[] = { "net", "ads", "setspn", "add", j->machine, name, "-P", NULL };

	(void)snprintf(name, sizeof name, SERVICE "/%s", host);
	return has_line(names, name) ? 0 : run(j, argv);
}

/* Adds the names to the account, because the KDC gives tickets only for the account's names. */
static int add_names(const struct job *j)
{
	const char *const list[] = { "net", "ads", "setspn", "list", j->machine, "-P", NULL };
	AUTO_FREE char *names = NULL;
	int r = ask(j, list, &names);

	if (r == 0)
		r = add_name(j, names, j->host->fqdn);
	return r == 0 ? add_name(j, names, j->machine) : r;
}

/* Finds out whether Samba's list of keytabs has the file, with the right items. */
static int find_synced(const struct job *j, bool *ret_set)
{
	AUTO_FREE char *value = NULL;
	AUTO_FREE char *item = NULL;
	const char *found;
	int r = parameter(j, SYNC, &value);

	if (r < 0)
		return r;
	if (asprintf(&item, "%s:", j->host->keytab) < 0) {
		item = NULL;
		return -ENOMEM;
	}
	found = strstr(value, item);
	*ret_set = found != NULL;
	if (found && !strstr(found, SERVICE))
		return fail(j, -EEXIST,
			    "smb.conf, " SYNC ": it writes %s without spn_prefixes=" SERVICE ": change that item",
			    j->host->keytab);
	return 0;
}

static int sync_conf(const struct job *j, struct file_text *before)
{
	AUTO_FREE char *item = NULL;
	bool set = false;
	int r = find_synced(j, &set);

	if (r < 0 || set)
		return r;
	if (asprintf(&item, "\"%s:account_name:spn_prefixes=" SERVICE ":sync_kvno:machine_password\"",
		     j->host->keytab) < 0) {
		item = NULL;
		return -ENOMEM;
	}
	r = change_conf(j, &(struct setting){ .key = SYNC, .value = item, .append = true }, before);
	if (r < 0 || j->dry_run)
		return r;
	r = find_synced(j, &set);
	return r < 0 || set ? r : fail(j, -EEXIST, SYNC " is set elsewhere again (include): put %s there", item);
}

static int keys_by_sync(const struct job *j)
{
	static const char *const create[] = { "net", "ads", "keytab", "create", "-P", NULL };
	CLEANUP(file_text_done) struct file_text before = FILE_TEXT_NULL;
	int r = add_names(j);

	if (r == 0)
		r = sync_conf(j, &before);
	if (r == 0)
		r = run(j, create);
	if (r < 0)
		put_back(j, &before);
	return r;
}

/* ---- Samba before 4.21 ---- */

static int add_keys(const struct job *j, const char *verb, const char *what)
{
	AUTO_FREE char *file = NULL;
	const char *argv[] = { "net", "ads", "keytab", "--option=kerberos method=dedicated keytab", NULL, verb,
			       what,  "-P",  NULL };

	if (asprintf(&file, "--option=dedicated keytab file=%s", j->host->keytab) < 0) {
		file = NULL;
		return -ENOMEM;
	}
	argv[4] = file;
	return run(j, argv);
}

/* Stops winbindd's password changes, which would not write keys. */
static int stop_rotation(const struct job *j, struct file_text *before)
{
	AUTO_FREE char *value = NULL;
	int r = parameter(j, TIMEOUT, &value);

	if (r < 0 || strcmp(value, "0") == 0)
		return r;
	return change_conf(j, &(struct setting){ .key = TIMEOUT, .value = "0" }, before);
}

static int systemctl(const struct job *j, const char *verb, const char *consequence)
{
	const char *const shown[] = { "systemctl", verb, TIMER, NULL };
	const char *const argv[] = { "--quiet", verb, TIMER, NULL };

	show_command(j->host->out, shown);
	if (j->dry_run || j->host->units.systemctl(j->host->units.userdata, argv) == 0)
		return 0;
	return fail(j, -EIO, "\"systemctl %s " TIMER "\" has failed: the keys are there, and %s", verb, consequence);
}

static int rotate_by_timer(const struct job *j)
{
	static const char consequence[] = "the machine's password is not changed any more";
	int r = systemctl(j, "enable", consequence);

	return r == 0 && j->host->units.booted ? systemctl(j, "start", consequence) : r;
}

static int keys_by_command(const struct job *j)
{
	CLEANUP(file_text_done) struct file_text before = FILE_TEXT_NULL;
	AUTO_FREE char *account = NULL;
	int r;

	if (asprintf(&account, "%s$", j->machine) < 0) {
		account = NULL;
		return -ENOMEM;
	}
	r = stop_rotation(j, &before);
	if (r == 0)
		r = add_keys(j, "add_update_ads", SERVICE);
	if (r == 0)
		r = add_keys(j, "add", account);
	if (r < 0)
		put_back(j, &before);
	return r;
}

/* ---- Samba was upgraded to 4.21 or later ---- */

static bool timer_is_enabled(const struct job *j)
{
	static const char *const argv[] = { "--quiet", "is-enabled", TIMER, NULL };

	return j->host->units.systemctl(j->host->units.userdata, argv) == 0;
}

static int rotation_is_off(const struct job *j, bool *ret_off)
{
	AUTO_FREE char *value = NULL;
	int r = parameter(j, TIMEOUT, &value);

	*ret_off = r == 0 && strcmp(value, "0") == 0;
	return r;
}

static int remove_timer(const struct job *j)
{
	static const char consequence[] = "the timer stays, which is no longer needed";
	int r = systemctl(j, "disable", consequence);

	if (r == 0 && j->host->units.booted)
		r = systemctl(j, "stop", consequence);
	return r;
}

/*
 * Undoes stop_rotation() and rotate_by_timer(). The enabled timer shows that an earlier run here has set the timeout: an
 * administrator's own setting stays. The timer goes last, because without it the setting means that the password is
 * never changed.
 */
static int resume_rotation(const struct job *j)
{
	CLEANUP(file_text_done) struct file_text before = FILE_TEXT_NULL;
	bool timer = timer_is_enabled(j);
	bool off = false;
	int r = rotation_is_off(j, &off);

	if (r == 0 && off && timer) {
		r = change_conf(j, &(struct setting){ .key = TIMEOUT }, &before);
		if (r == 0 && !j->dry_run)
			r = rotation_is_off(j, &off);
		off = off && !j->dry_run;
	}
	if (r == 0 && off) {
		(void)fputs(timer ? TIMEOUT " = 0 is set elsewhere again (include): " TIMER
					    " stays, and changes the machine's password\n"
				  : "smb.conf has " TIMEOUT " = 0: Samba never changes the machine's password. Unless "
				    "you want that, remove the line and run: smbcontrol winbindd reload-config\n",
			    j->host->out);
		return 0;
	}
	return r == 0 && timer ? remove_timer(j) : r;
}

/* ---- both ---- */

static int check_keytab(const struct job *j)
{
	const char *keytab = j->host->keytab;

	if (strcmp(keytab, HOST_KEYTAB) == 0 || strncmp(keytab, "/run/", 5) == 0)
		return fail(
		    j, -EINVAL,
		    "the keys get a file of their own: keytab = /etc/credsspd.keytab in [credsspd] of credsspd.conf");
	/* the separators in Samba's list */
	if (keytab[strcspn(keytab, ":,\" \t")])
		return fail(j, -EINVAL, "keytab = %s: smb.conf cannot name such a file", keytab);
	return 0;
}

static int check_member(const struct job *j)
{
	static const char *const argv[] = { "net", "ads", "testjoin", NULL };
	AUTO_FREE char *output = NULL;
	int r = ask(j, argv, &output);

	if (r == 0 || r == -ENOENT)
		return r;
	return fail(j, r,
		    "Samba does not say that this host is a member of a domain (net ads testjoin); with SSSD alone: "
		    "adcli update "
		    "--add-service-principal=" SERVICE "/%s",
		    j->host->fqdn);
}

static int find_version(struct job *j)
{
	static const char *const argv[] = { "net", "--version", NULL };
	AUTO_FREE char *output = NULL;
	unsigned major, minor;
	int r = ask(j, argv, &output);

	if (r < 0)
		return r;
	if (sscanf(output, "Version %u.%u", &major, &minor) != 2)
		return fail(j, -EBADMSG, "\"net --version\" says \"%.40s\"", output);
	j->has_sync = major > 4 || (major == 4 && minor >= 21);
	return 0;
}

static int give_to_daemon(const struct job *j)
{
	const char *keytab = j->host->keytab;
	AUTO_CLOSE int fd = -1;
	struct stat st;

	(void)fprintf(j->host->out, "chown credsspd %s; chmod 0400 %s\n", keytab, keytab);
	if (j->dry_run)
		return 0;
	fd = openat(j->host->root, keytab + 1, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return fail(j, -errno, "%s: %s", keytab, strerror(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || fchown(fd, j->host->uid, (gid_t)-1) < 0 ||
	    fchmod(fd, 0400) < 0)
		return fail(j, -EIO, "%s cannot be given to user credsspd", keytab);
	return 0;
}

int ad_keytab(const struct ad_host *host, bool dry_run, char problem[AD_PROBLEM_MAX])
{
	AUTO_FREE char *machine = NULL;
	struct job j = { .host = host, .dry_run = dry_run, .problem = problem };
	int r;

	(void)snprintf(problem, AD_PROBLEM_MAX, "out of memory");
	r = check_keytab(&j);
	if (r == 0)
		r = find_version(&j);
	if (r == 0)
		r = check_member(&j);
	if (r == 0)
		r = parameter(&j, "netbios name", &machine);
	j.machine = machine;
	if (r == 0)
		r = j.has_sync ? keys_by_sync(&j) : keys_by_command(&j);
	if (r == 0)
		r = give_to_daemon(&j);
	if (r == 0)
		r = j.has_sync ? resume_rotation(&j) : rotate_by_timer(&j);
	if (r == 0)
		(void)fputs(j.has_sync ? "Samba writes the new keys when the machine's password changes.\n"
				       : "The machine's password is changed, and its new keys added, by " TIMER ".\n",
			    host->out);
	return r;
}
