/* SPDX-License-Identifier: MIT */
/*
 * The keytab changes while logons go on: machine passwords rotate. A template has the keys that it was started with, so
 * another one is started. Until it is ready Kerberos logons wait a moment, because the KDC may have given the client a
 * ticket for the new key already; the old template finishes what it has. Keys that cannot be used (a file half written,
 * no TERMSRV/ key in it) end with the template that tried them, and the old one stays.
 */
#include "common/base/file-watch.h"
#include "credsspd/supervisor/logon.h"

#define USEC_PER_SEC_ 1000000ULL

/* Nobody has to wait any longer: the new keys are there, or are not to be had. */
static void end_wait(struct supervisor *s)
{
	s->keys_timer = sd_event_source_disable_unref(s->keys_timer);
	handshake_resume_all(s);
}

static int on_waited(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct supervisor *s = userdata;

	(void)source;
	(void)usec;
	log_line(LOG_WARNING, "keytab %s: the new keys are not there after %u s; logons go on with the old ones",
		 s->config.keytab, KEYS_WAIT_SEC);
	end_wait(s);
	return 0;
}

/* Without a timer nobody waits. */
static void start_timer(struct supervisor *s)
{
	s->keys_timer = sd_event_source_disable_unref(s->keys_timer);
	(void)sd_event_add_time_relative(s->event, &s->keys_timer, CLOCK_BOOTTIME, KEYS_WAIT_SEC * USEC_PER_SEC_,
					 100000, on_waited, s);
}

void keys_expect(struct supervisor *s, uint64_t serial)
{
	s->keys_wanted = serial;
	start_timer(s);
}

static void keys_failed(struct supervisor *s)
{
	unsigned delay = watch_again(s->keytab);

	s->keys_wanted = 0;
	log_line(
	    LOG_ERR,
	    "keytab %s: the new keys cannot be used (the line above says why), the old ones stay; next try in %u s",
	    s->config.keytab, delay);
	end_wait(s);
}

static void on_changed(const char *missing, void *userdata)
{
	struct supervisor *s = userdata;
	uint64_t serial;

	if (missing) {
		log_line(LOG_WARNING, "keytab %s is not there any more; the keys that were in it stay", missing);
		if (!s->keys_wanted)
			end_wait(s);
		return;
	}
	log_line(LOG_INFO, "keytab %s has changed; a template is started with it", s->config.keytab);
	if (s->keeper) /* without it the old tickets stay */
		(void)supervisor_reread_keeper(s);
	if (!s->krb5 || service_renew(s->krb5, &serial) < 0)
		keys_failed(s);
	else
		keys_expect(s, serial);
}

void keys_service_changed(struct supervisor *s)
{
	const struct child *current = service_current(s->krb5);

	if (!s->keys_wanted)
		return;
	if (current && current->serial >= s->keys_wanted) {
		s->keys_wanted = 0;
		log_line(LOG_INFO, "keytab %s: its keys are in use", s->config.keytab);
		end_wait(s);
	} else if (!service_starting(s->krb5)) {
		keys_failed(s);
	}
}

bool keys_pending(struct supervisor *s)
{
	if (!service_current(s->krb5))
		return false;
	/* a file that is as it was after all is told to nobody: the timer ends the wait then */
	if (watch_look(s->keytab) && !s->keys_timer)
		start_timer(s);
	return s->keys_timer;
}

int keys_watch(struct supervisor *s)
{
	const char *path = s->config.keytab;
	int r = s->keytab ? 0 : watch_new(s->event, on_changed, s, &s->keytab);

	return r < 0 ? r : watch_files(s->keytab, &path, s->config.kerberos ? 1 : 0);
}

void keys_done(struct supervisor *s)
{
	s->keys_wanted = 0;
	end_wait(s);
	watch_free(s->keytab);
	s->keytab = NULL;
}
