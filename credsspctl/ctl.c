/* SPDX-License-Identifier: MIT */
/*
 * The commands are one table: function, arguments and texts for errors. The help text is made from it.
 */
#include "credsspctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/limits.h"
#include "common/base/secret.h"
#include "common/config/config.h"
#include "common/config/rdp-settings.h"
#include "credsspctl/ad.h"
#include "credsspctl/check/check.h"
#include "credsspctl/check/context.h"
#include "credsspctl/host/manager.h"
#include "credsspctl/host/password.h"
#include "credsspctl/host/print-dbus.h"
#include "credsspctl/host/proc-probe.h"
#include "credsspctl/host/program.h"
#include "credsspctl/host/systemctl.h"
#include "credsspctl/report/report.h"
#include "credsspctl/try/try.h"
#include "credsspctl/watch-status.h"
#include "credsspctl/xrdp/xrdp.h"

#define FRONT_END "credsspd-rdp.service"

struct invocation {
	const char *user;   /* NULL for commands without a user */
	char *const *names; /* NULL-terminated, for commands with names */
	struct try_wish attempt;
	bool json, watch;
	struct xrdp_wish xrdp;
};

/*
 * Runs a command. Returns 0, an exit status or -errno. Without a call *@problem is a sentence; else @m has the error.
 */
typedef int (*run_fn)(struct manager *m, const struct invocation *how, const char **problem);

static int run_status(struct manager *m, const struct invocation *how, const char **problem)
{
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
	int r;

	if (how->watch)
		return watch_status(m, how->json, problem);
	r = manager_status(m, &reply);
	if (r < 0)
		return r;
	r = how->json ? print_dbus_json(stdout, reply) : print_dbus_text(stdout, reply);
	if (r < 0)
		*problem = "the daemon's answer is malformed";
	return r;
}

/* Reloads credsspd-rdp, which reads the same file. It only logs mistakes, so the file is checked here first. */
static int reload_front_end(const char **problem)
{
	static const char *const is_active[] = { "--quiet", "is-active", FRONT_END, NULL };
	static const char *const reload[] = { "--quiet", "reload", FRONT_END, NULL };
	const struct systemctl_host units = systemctl_of_this_host();
	AUTO_FREE char *error = NULL;
	static char text[512];
	struct settings settings;
	int r;

	if (!units.booted || units.systemctl(units.userdata, is_active) != 0)
		return 0;
	*problem = text;
	r = settings_load(CONFIG_PATH_DEFAULT, &settings, &error);
	if (r < 0) {
		(void)snprintf(text, sizeof text, "credsspd has the new configuration, credsspd-rdp keeps its own: %s",
			       error ? error : strerror(-r));
		return r;
	}
	settings_done(&settings);
	(void)snprintf(text, sizeof text, "\"systemctl reload " FRONT_END "\" has failed");
	if (units.systemctl(units.userdata, reload) != 0)
		return -EIO;
	*problem = NULL;
	return 0;
}

static int run_reload(struct manager *m, const struct invocation *how, const char **problem)
{
	int r = manager_reload(m);

	return r < 0 ? r : reload_front_end(problem);
}

/* Only a warning, because the configuration may be changed later. */
static void warn_of_system_account(const char *user)
{
	const struct passwd *pw = getpwnam(user);
	uid_t uid = pw ? pw->pw_uid : (uid_t)-1;
	AUTO_FREE char *error = NULL;
	struct config config;

	if (!pw || config_load(CONFIG_PATH_DEFAULT, &config, &error) < 0)
		return;
	if (uid == 0 ? !config.allow_root : uid < config.minimum_uid)
		(void)fprintf(
		    stderr,
		    "credsspctl: ntlm set %s: stored, but this account may not log on (%s in " CONFIG_PATH_DEFAULT
		    ")\n",
		    user, uid == 0 ? "allow_root" : "minimum_uid");
	config_done(&config);
}

static int run_ntlm_set(struct manager *m, const struct invocation *how, const char **problem)
{
	AUTO_SECRET struct secret password = SECRET_NULL;
	int r = password_read(STDIN_FILENO, how->user, true, &password, problem);

	if (r == 0)
		r = manager_set_verifier(m, how->user, &password);
	if (r == 0)
		warn_of_system_account(how->user);
	return r;
}

static int run_ntlm_list(struct manager *m, const struct invocation *how, const char **problem)
{
	__attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
	int r = manager_list_verifiers(m, &reply);

	if (r < 0)
		return r;
	r = how->json ? print_dbus_json(stdout, reply) : print_dbus_lines(stdout, reply);
	if (r < 0)
		*problem = "the daemon's answer is malformed";
	return r;
}

static int run_ntlm_delete(struct manager *m, const struct invocation *how, const char **problem)
{
	return manager_delete_verifier(m, how->user);
}

/* Connects with the ids and groups of the front end's present process. */
static int reach_xrdp(void *userdata, const char *path)
{
	pid_t front_end = proc_probe_process_of(FRONT_END_USER, "credsspd-rdp");

	return front_end ? proc_probe_connect(FRONT_END_USER, front_end, path) : -ESRCH;
}

/*
 * Counts the X servers (Xorg, Xvnc, Xtigervnc) of the running sesman: children of its session processes, which are
 * called xrdp-sesman (0.9) or xrdp-sesexec (0.10). X servers that an earlier restart has orphaned do not count.
 */
static unsigned open_desktops(void *userdata)
{
	static const char *const parents[] = { "xrdp-sesman", "xrdp-sesexec", NULL };

	return proc_probe_grandchildren("X", parents, "xrdp-sesman");
}

static bool confirm_restart(void *userdata, unsigned n)
{
	char answer[8] = "";

	if (!isatty(STDIN_FILENO))
		return false;
	(void)fputs("Restart xrdp? [y/N] ", stdout);
	(void)fflush(stdout);
	return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* Makes no call of credsspd, which may not run yet. */
static int run_xrdp(const struct xrdp_wish *wish, const char **problem,
		    int (*command)(const struct xrdp_host *, const struct xrdp_wish *, char *))
{
	static char text[XRDP_PROBLEM_MAX];
	AUTO_CLOSE int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	*problem = "only root may do that";
	if (geteuid() != 0)
		return -EPERM;
	*problem = text;
	/* half done is worse than unseen: "| head", a terminal that goes */
	if (!wish->dry_run) {
		(void)signal(SIGPIPE, SIG_IGN);
		(void)signal(SIGHUP, SIG_IGN);
	}
	if (root < 0) {
		(void)snprintf(text, sizeof text, "/ cannot be opened");
		return -EIO;
	}
	r = command(&(struct xrdp_host){ .root = root,
					 .units = systemctl_of_this_host(),
					 .out = stdout,
					 .reach = reach_xrdp,
					 .desktops = open_desktops,
					 .confirm = confirm_restart },
		    wish, text);
	if (r == 0)
		*problem = NULL;
	return r;
}

static int run_xrdp_enable(struct manager *m, const struct invocation *how, const char **problem)
{
	CLEANUP(config_done) struct config c = { .keytab = NULL };
	struct xrdp_wish wish = how->xrdp;
	struct stack_options options;
	static char *error; /* must live as long as *@problem */

	if (geteuid() == 0 && config_load(CONFIG_PATH_DEFAULT, &c, &error) < 0) {
		*problem = error ? error : "credsspd.conf cannot be read";
		return -EINVAL;
	}
	options = stack_options_of(&c);
	wish.options = &options;
	return run_xrdp(&wish, problem, xrdp_enable);
}

static int run_xrdp_disable(struct manager *m, const struct invocation *how, const char **problem)
{
	return run_xrdp(&how->xrdp, problem, xrdp_disable);
}

static int run_ad_keytab(struct manager *m, const struct invocation *how, const char **problem)
{
	CLEANUP(check_context_done) struct check_context f = { .bus = NULL };
	AUTO_CLOSE int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct passwd *pw = getpwnam(DAEMON_USER);
	uid_t uid = pw ? pw->pw_uid : 0; /* later lookups overwrite *pw */
	static char text[AD_PROBLEM_MAX];
	int r;

	*problem = root < 0         ? "/ cannot be opened"
		   : geteuid() != 0 ? "only root may do that"
				    : "there is no user " DAEMON_USER;
	if (geteuid() != 0 || !pw || root < 0)
		return -EPERM;
	check_context_gather(&f, NULL);
	*problem = text;
	(void)snprintf(text, sizeof text, "%s", f.config_error ? f.config_error : "credsspd.conf cannot be read");
	if (!f.has_config)
		return -EINVAL;
	r = ad_keytab(&(struct ad_host){ .root = root,
					 .units = systemctl_of_this_host(),
					 .out = stdout,
					 .keytab = f.config.keytab,
					 .fqdn = f.fqdn,
					 .uid = uid,
					 .run = program_run },
		      how->xrdp.dry_run, text);
	if (r == 0)
		*problem = NULL;
	return r;
}

/* Also asks credsspd, if it runs. */
static int run_check(struct manager *m, const struct invocation *how, const char **problem)
{
	return check_run(how->names, how->json);
}

static int run_report(struct manager *m, const struct invocation *how, const char **problem)
{
	return report_run(how->names);
}

static int run_try(struct manager *m, const struct invocation *how, const char **problem)
{
	return try_run(&how->attempt);
}

/* What a command can be given. */
enum takes {
	TAKES_USER = 1 << 0,
	TAKES_SERVER = 1 << 1, /* with --user and --delegate */
	TAKES_JSON = 1 << 2,
	TAKES_WATCH = 1 << 3,
	TAKES_NAMES = 1 << 4,
	TAKES_STACK = 1 << 5,
	TAKES_DRY_RUN = 1 << 6,
	TAKES_FORCE = 1 << 7,
};

static const struct {
	enum takes takes;
	const char *usage;
	const char *refusal; /* for an option that the command does not take */
} arguments[] = {
	{ TAKES_USER, " USER", NULL },
	{ TAKES_SERVER, " HOST[:PORT] [--user NAME] [--delegate]", "only the command try has --user and --delegate" },
	{ TAKES_JSON, " [--json]", "this command has no --json" },
	{ TAKES_WATCH, " [--watch]", "this command has no --watch" },
	{ TAKES_NAMES, " [NAME...]", NULL },
	{ TAKES_STACK, " [--stack NAME]", "this command has no --stack" },
	{ TAKES_DRY_RUN, " [--dry-run]", "this command has no --dry-run" },
	{ TAKES_FORCE, " [--force]", "this command has no --force" },
};
#define N_ARGUMENTS (sizeof arguments / sizeof *arguments)

static const struct command {
	const char *word[2]; /* the second may be NULL */
	bool local;          /* works without the daemon */
	unsigned takes;      /* of enum takes */
	run_fn run;
	const char *unknown_user; /* the text for the error UnknownUser */
	const char *help;
} commands[] = {
	{ .word = { "status" },
	  .takes = TAKES_JSON | TAKES_WATCH,
	  .run = run_status,
	  .help = "what the daemon does, and its counters" },
	{ .word = { "reload" },
	  .run = run_reload,
	  .help = "make it, and credsspd-rdp, read configuration and keys again" },
	{ .word = { "check" },
	  .local = true,
	  .takes = TAKES_JSON | TAKES_NAMES,
	  .run = run_check,
	  .help = "what makes logons fail on this server, and what to type" },
	{ .word = { "report" },
	  .local = true,
	  .takes = TAKES_NAMES,
	  .run = run_report,
	  .help = "all that a bug report needs, in one text" },
	{ .word = { "try" },
	  .local = true,
	  .takes = TAKES_SERVER,
	  .run = run_try,
	  .help = "begin a logon by NLA at a server, as a client does" },
	{ .word = { "ntlm", "set" },
	  .takes = TAKES_USER,
	  .run = run_ntlm_set,
	  .unknown_user = "there is no such account on this host",
	  .help = "store the NT hash of USER's password" },
	{ .word = { "ntlm", "list" }, .takes = TAKES_JSON, .run = run_ntlm_list, .help = "who has an NT hash stored" },
	{ .word = { "ntlm", "delete" },
	  .takes = TAKES_USER,
	  .run = run_ntlm_delete,
	  .unknown_user = "nothing is stored for that name",
	  .help = "remove it" },
	{ .word = { "xrdp", "enable" },
	  .local = true,
	  .takes = TAKES_STACK | TAKES_DRY_RUN | TAKES_FORCE,
	  .run = run_xrdp_enable,
	  .help = "put xrdp behind credsspd-rdp" },
	{ .word = { "xrdp", "disable" },
	  .local = true,
	  .takes = TAKES_DRY_RUN | TAKES_FORCE,
	  .run = run_xrdp_disable,
	  .help = "undo that" },
	{ .word = { "ad", "keytab" },
	  .local = true,
	  .takes = TAKES_DRY_RUN,
	  .run = run_ad_keytab,
	  .help = "have Samba write this member's keys into the keytab" },
};
#define N_COMMANDS (sizeof commands / sizeof *commands)

static void usage(FILE *out)
{
	(void)fputs("Usage: credsspctl COMMAND\n"
		    "Administers credsspd, and puts xrdp behind it; see credsspctl(8).\n\n",
		    out);
	for (size_t i = 0; i < N_COMMANDS; i++) {
		const struct command *c = &commands[i];
		char line[160];
		size_t at;

		(void)snprintf(line, sizeof line, "%s%s%s", c->word[0], c->word[1] ? " " : "",
			       c->word[1] ? c->word[1] : "");
		for (size_t k = 0; k < N_ARGUMENTS; k++) {
			at = strlen(line);
			if (c->takes & arguments[k].takes)
				(void)snprintf(line + at, sizeof line - at, "%s", arguments[k].usage);
		}
		(void)fprintf(out, "  %-48s  %s\n", line, c->help);
	}
	(void)fputs(
	    "\n"
	    "      --json        print JSON\n"
	    "      --watch       once a second, until Ctrl-C\n"
	    "      --dry-run     show what would be changed\n"
	    "      --force       restart xrdp also when desktops are open\n"
	    "      --stack NAME  what the PAM stack of this host has: local (the default), krb5, sss, winbind;\n"
	    "                    smartcard: take no passwords\n"
	    "      --user NAME   who logs on: NAME, DOMAIN\\NAME, or NAME@REALM; without it Kerberos tickets are used\n"
	    "      --delegate    send the password to the server, too\n"
	    "  -h, --help        this text\n"
	    "      --version     version\n\n"
	    "NAME is another name that clients connect to, a farm's for example.\n"
	    "\"ntlm set\" and \"try --user\" ask for the password, or take the first line of standard input when "
	    "that is no terminal.\n",
	    out);
}

/* Returns the command of the first words; *@ret_used is their number. */
static const struct command *find_command(int n, char **words, int *ret_used)
{
	for (size_t i = 0; i < N_COMMANDS; i++) {
		const struct command *c = &commands[i];
		int need = c->word[1] ? 2 : 1;

		if (n < need || strcmp(words[0], c->word[0]) != 0 || (need == 2 && strcmp(words[1], c->word[1]) != 0))
			continue;
		*ret_used = need;
		return c;
	}
	return NULL;
}

static int bad_usage(const char *what)
{
	(void)fprintf(stderr, "credsspctl: %s; try \"credsspctl --help\"\n", what);
	return CTL_USAGE;
}

static void complain(const struct command *c, const struct invocation *how, const char *what)
{
	(void)fprintf(stderr, "credsspctl: %s%s%s", c->word[0], c->word[1] ? " " : "", c->word[1] ? c->word[1] : "");
	if (how->user) {
		(void)fputc(' ', stderr);
		print_escaped(stderr, how->user);
	}
	(void)fputs(": ", stderr);
	print_escaped(stderr, what);
	(void)fputc('\n', stderr);
}

static int run_command(const struct command *c, const struct invocation *how)
{
	CLEANUP(manager_done) struct manager m = MANAGER_NULL;
	const char *problem = NULL;
	int r = c->local ? 0 : manager_open(&m);

	if (r == 0)
		r = c->run(&m, how, &problem);
	if (r > 0)
		return r;
	if (r == 0 && fflush(stdout) != 0) {
		r = -errno;
		problem = "standard output cannot be written";
	}
	if (r == 0)
		return CTL_OK;
	complain(c, how, problem ? problem : manager_problem(&m, c->unknown_user));
	return CTL_FAILED;
}

/* Returns what is wrong with the options, or NULL. */
static const char *check_options(const struct command *c, const struct invocation *how)
{
	const struct try_wish *attempt = &how->attempt;
	unsigned given = (attempt->user || attempt->delegate ? TAKES_SERVER : 0U) | (how->json ? TAKES_JSON : 0U) |
			 (how->watch ? TAKES_WATCH : 0U) | (how->xrdp.stack ? TAKES_STACK : 0U) |
			 (how->xrdp.dry_run ? TAKES_DRY_RUN : 0U) | (how->xrdp.force ? TAKES_FORCE : 0U);

	for (size_t i = 0; i < N_ARGUMENTS; i++)
		if (given & ~c->takes & arguments[i].takes)
			return arguments[i].refusal;
	if (attempt->delegate && !attempt->user)
		return "--delegate needs --user";
	if (attempt->user && (!*attempt->user || strlen(attempt->user) > ACCOUNT_NAME_MAX))
		return "the name after --user is empty or too long";
	return NULL;
}

/* Takes the @n words after the command. Returns what is wrong with them, or NULL. */
static const char *take_words(const struct command *c, int n, char **words, struct invocation *how)
{
	if (c->takes & TAKES_USER) {
		if (n-- == 0 || !**words)
			return "the user is missing";
		how->user = *words++;
	}
	if (c->takes & TAKES_SERVER) {
		if (n-- == 0)
			return "the server is missing";
		how->attempt.server = *words++;
	}
	if (c->takes & TAKES_NAMES)
		how->names = words;
	else if (n > 0)
		return c->takes & TAKES_USER ? "one user at a time, and no password on the command line"
					     : "too many arguments";
	return how->user && strlen(how->user) > ACCOUNT_NAME_MAX ? "the user's name is too long" : NULL;
}

static int choose(int n, char **words, struct invocation *how)
{
	const struct command *c;
	const char *problem;
	int used = 0;

	if (n == 0)
		return bad_usage("a command is missing");
	c = find_command(n, words, &used);
	if (!c)
		return bad_usage("there is no such command");
	problem = check_options(c, how);
	if (!problem)
		problem = take_words(c, n - used, words + used, how);
	return problem ? bad_usage(problem) : run_command(c, how);
}

int ctl_main(int argc, char **argv)
{
	enum { OPT_JSON = 256, OPT_WATCH, OPT_DRY_RUN, OPT_FORCE, OPT_STACK, OPT_USER, OPT_DELEGATE, OPT_VERSION };
	static const struct option options[] = {
		{ "json", no_argument, NULL, OPT_JSON },         { "watch", no_argument, NULL, OPT_WATCH },
		{ "dry-run", no_argument, NULL, OPT_DRY_RUN },   { "force", no_argument, NULL, OPT_FORCE },
		{ "stack", required_argument, NULL, OPT_STACK }, { "help", no_argument, NULL, 'h' },
		{ "user", required_argument, NULL, OPT_USER },   { "delegate", no_argument, NULL, OPT_DELEGATE },
		{ "version", no_argument, NULL, OPT_VERSION },   { NULL, 0, NULL, 0 },
	};
	struct invocation how = { .user = NULL };
	int c;

	(void)prctl(PR_SET_DUMPABLE, 0);
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case OPT_JSON:
			how.json = true;
			break;
		case OPT_WATCH:
			how.watch = true;
			break;
		case OPT_DRY_RUN:
			how.xrdp.dry_run = true;
			break;
		case OPT_FORCE:
			how.xrdp.force = true;
			break;
		case OPT_STACK:
			how.xrdp.stack = optarg;
			break;
		case OPT_USER:
			how.attempt.user = optarg;
			break;
		case OPT_DELEGATE:
			how.attempt.delegate = true;
			break;
		case 'h':
			usage(stdout);
			return CTL_OK;
		case OPT_VERSION:
			(void)puts("credsspctl " CREDSSP_VERSION);
			return CTL_OK;
		default:
			return CTL_USAGE;
		}
	}
	return choose(argc - optind, argv + optind, &how);
}
