/* SPDX-License-Identifier: MIT */
#include "credsspctl/host/winbindd.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wbclient.h>

#include "common/base/cleanup.h"

#define LIBRARY "libwbclient.so.0"

struct library {
	wbcErr (*ping)(void);
	wbcErr (*details)(struct wbcInterfaceDetails **ret_);
	wbcErr (*ping_dc)(const char *domain, struct wbcAuthErrorInfo **error);
	const char *(*error_string)(wbcErr e);
};

static bool load(struct library *l, char trouble[WINBINDD_NAME_MAX])
{
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	void *symbol[4] = { NULL };

	if (handle) {
		symbol[0] = dlsym(handle, "wbcPing");
		symbol[1] = dlsym(handle, "wbcInterfaceDetails");
		symbol[2] = dlsym(handle, "wbcPingDc");
		symbol[3] = dlsym(handle, "wbcErrorString");
	}
	if (!symbol[0] || !symbol[1] || !symbol[2] || !symbol[3]) {
		(void)snprintf(trouble, WINBINDD_NAME_MAX, "%s", dlerror());
		return false;
	}
	memcpy(&l->ping, &symbol[0], sizeof symbol[0]);
	memcpy(&l->details, &symbol[1], sizeof symbol[1]);
	memcpy(&l->ping_dc, &symbol[2], sizeof symbol[2]);
	memcpy(&l->error_string, &symbol[3], sizeof symbol[3]);
	return true;
}

static void copy(char to[WINBINDD_NAME_MAX], const char *from)
{
	(void)snprintf(to, WINBINDD_NAME_MAX, "%s", from ? from : "");
}

/* Runs in a process that ends afterwards, so nothing is freed. */
static void ask(struct winbindd *w)
{
	struct wbcInterfaceDetails *details = NULL;
	struct wbcAuthErrorInfo *error = NULL;
	struct library l;
	wbcErr e;

	if (!load(&l, w->trouble))
		return;
	e = l.ping();
	if (e == WBC_ERR_SUCCESS)
		e = l.details(&details);
	if (e != WBC_ERR_SUCCESS) {
		copy(w->trouble, l.error_string(e));
		return;
	}
	w->answers = true;
	copy(w->netbios_name, details->netbios_name);
	copy(w->domain, details->netbios_domain);
	copy(w->dns_domain, details->dns_domain);
	e = l.ping_dc(NULL, &error);
	w->has_controller = e == WBC_ERR_SUCCESS;
	copy(w->controller_trouble, error && error->display_string ? error->display_string : l.error_string(e));
}

_Noreturn static void child(int out)
{
	struct winbindd w = { .answers = false };

	(void)alarm(WINBINDD_TIMEOUT_SEC);
	ask(&w);
	_exit(write(out, &w, sizeof w) == (ssize_t)sizeof w ? 0 : 1);
}

void winbindd_ask(struct winbindd *ret_)
{
	AUTO_CLOSE int in = -1;
	ssize_t n = 0;
	pid_t pid;
	int p[2];

	if (pipe2(p, 0) == 0) {
		in = p[0];
		pid = fork();
		if (pid == 0)
			child(p[1]);
		(void)close(p[1]);
		/* the struct is smaller than a pipe's buffer: it is read whole or not at all */
		n = pid > 0 ? read(in, ret_, sizeof *ret_) : -1;
		while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (n == (ssize_t)sizeof *ret_)
		return;
	*ret_ = (struct winbindd){ .answers = false };
	copy(ret_->trouble, "no answer in time");
}
