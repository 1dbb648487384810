/* SPDX-License-Identifier: MIT */
/* Prints answers of credsspd by their D-Bus types, so a new key needs no change here. */
#pragma once

#include <stdio.h>
#include <systemd/sd-bus.h>

/* Prints a{sv}: one aligned line a key; a dictionary in it is indented below its key. Returns 0 or -errno. */
int print_dbus_text(FILE *out, sd_bus_message *m);

/* Prints as: one line a string. */
int print_dbus_lines(FILE *out, sd_bus_message *m);

/* Prints the first value of @m, of any type, as one line of JSON. */
int print_dbus_json(FILE *out, sd_bus_message *m);

/* Prints @s with its control characters as \xNN, so that a name cannot control the terminal. */
void print_escaped(FILE *out, const char *s);

/* As print_escaped() for a line of a file, in which tabs stay. Changes @line. */
void print_escaped_line(FILE *out, char *line);

/* Prints @s as a JSON string; bytes that are not UTF-8 become '?'. */
void print_json_string(FILE *out, const char *s);
