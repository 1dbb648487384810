/* SPDX-License-Identifier: MIT */
/* Answers of the daemon on paper. They go by the D-Bus types alone, so a new key needs no change here. */
#pragma once

#include <stdio.h>
#include <systemd/sd-bus.h>

/* a{sv}: one aligned line a key; a dictionary in it is indented below its key. Returns 0 or -errno. */
int print_dbus_text(FILE *out, sd_bus_message *m);

/* as: one line each. */
int print_dbus_lines(FILE *out, sd_bus_message *m);

/* The first value of @m, of any type, as one line of JSON. */
int print_dbus_json(FILE *out, sd_bus_message *m);

/* @s with its control characters as \xNN: nothing that a name can do to a terminal. */
void print_escaped(FILE *out, const char *s);

/* The same as a line, in which tabs stay: PAM stacks are aligned with them. Changes @line. */
void print_escaped_line(FILE *out, char *line);

/* @s as a JSON string; what is no UTF-8 in it becomes '?'. */
void print_json_string(FILE *out, const char *s);
