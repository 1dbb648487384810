/* SPDX-License-Identifier: MIT */
/* Prints answers of credsspd by their D-Bus types, so a new key needs no change here. */
#pragma once

#include <stdio.h>
#include <systemd/sd-bus.h>

/* Prints a{sv}: one aligned line a key; a dictionary in it is indented below its key. Returns 0 or -errno. */
int print_dbus_text(FILE *out, sd_bus_message *m);

/* Prints as: one line a string. Returns 0 or -errno. */
int print_dbus_lines(FILE *out, sd_bus_message *m);

/* Prints the first value of @m, of any type, as one line of JSON. Returns 0 or -errno; part may be printed then. */
int print_dbus_json(FILE *out, sd_bus_message *m);

/* Prints @s with controls and bytes that are not UTF-8 as \xNN, so that a name cannot control the terminal. */
void print_escaped(FILE *out, const char *s);

/* As print_escaped() for a line of a file, without its newline: tabs stay, and a newline follows. Changes @line. */
void print_escaped_line(FILE *out, char *line);

/* Prints @s as a JSON string; a byte that is not UTF-8 becomes '?'. */
void print_json_string(FILE *out, const char *s);
