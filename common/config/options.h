/* SPDX-License-Identifier: MIT */
/*
 * Settings of a section of /etc/credsspd.conf, driven by a table. The syntax is
 * krb5.conf's and its parser libkrb5's. A key that is not in the table, a value out
 * of range and a file that others could have written are errors that name file and key.
 */
#pragma once

#include <profile.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

enum option_type {
	OPTION_BOOL,      /* bool: true false yes no on off */
	OPTION_UNSIGNED,  /* unsigned, min to max */
	OPTION_STRING,    /* char *, malloc'ed; NULL when the default is NULL */
	OPTION_LIST,      /* char **, NULL-terminated, malloc'ed; words of all its lines, see options_words() */
	OPTION_ADDRESSES, /* as OPTION_LIST; IPv4 and IPv6 addresses in the spelling of inet_ntop() */
	OPTION_CHOICE,    /* int: one of choices */
};

struct option_choice {
	const char *word; /* NULL ends the list */
	int value;
};

struct option_row {
	const char *key;
	enum option_type type;
	size_t offset;     /* in the struct that is filled */
	const char *def;   /* the default, as text in the file */
	unsigned min, max; /* OPTION_UNSIGNED; OPTION_LIST, OPTION_ADDRESSES: max entries */
	const struct option_choice *choices;
};

/* The sections of the file; each program reads its own. */
#define OPTIONS_SECTION_DAEMON "credsspd"
#define OPTIONS_SECTION_RDP "credsspd-rdp"

/*
 * Checks @path with files_check(), which also fills *@ret_newest, and opens it. Returns 0 and a profile that the caller
 * frees with profile_release(), or -errno with a sentence in *@ret_error (malloc'ed, may be NULL without memory).
 */
int options_open(const char *path, profile_t *ret_profile, time_t *ret_newest, char **ret_error);

/*
 * Fills @base from @section by @rows. Subsections in @subsections (NULL-terminated, or NULL) are left to the caller;
 * other subsections are errors. A sentence for each mistake is appended to *@ret_error (may be NULL); an option with a
 * mistake gets its default. On failure @base may be partly filled: call options_free().
 */
int options_load(profile_t profile, const char *path, const char *section, char *const *subsections,
		 const struct option_row *rows, size_t n_rows, void *base, char **ret_error);

/* As options_load(), for the section of another program: keys and subsections that @rows does not name are skipped. */
int options_look_up(profile_t profile, const char *path, const char *section, const struct option_row *rows,
		    size_t n_rows, void *base, char **ret_error);

/* Frees what options_load() allocated in @base. */
void options_free(const struct option_row *rows, size_t n_rows, void *base);

/*
 * Splits @values (NULL-terminated) into words at blanks and commas. A word that begins with ' ends at the next ',
 * may have blanks and commas, and has '' for a ' in it: 'CORP\domain users'. The quote is not ", because libkrb5
 * removes that itself, with all that follows, when a value begins with it. Returns 0, -EINVAL for a ' that is not
 * closed or is followed by another character, or -ENOMEM.
 */
int options_words(char *const *values, char ***ret_words);
void options_free_words(char **words);
