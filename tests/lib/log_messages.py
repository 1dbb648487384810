#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compares the log lines of level ALERT, ERR and WARNING in the sources with the rows of docs/log-messages.md.

    log_messages.py missing    lines that have no row in the section of their program
    log_messages.py stale      rows that match no line, and rows that are not in alphabetical order
    log_messages.py list       the lines, with … for what a conversion or a macro inserts

A row matches a line that begins with the row's text. Its first column may have several texts, each between backticks. Prints what it
finds, and exits with 1 if that is something (not `list`)."""
import glob
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = "docs/log-messages.md"
PROGRAMS = ("credsspd", "credsspd-rdp", "pam_credssp", "common")
# functions that log, and what they put before the format
FUNCTIONS = {"log_line": "", "log_logon_line": "", "log_limit_line": "", "pam_syslog": "", "drop": "connection ended: ", "connection_log": ""}
LEVEL = re.compile(r"\bLOG_(?:EMERG|ALERT|CRIT|ERR|WARNING)\b")
SHORTEST = 10


def arguments(text, at):
    """Returns the arguments of the call with its parenthesis at `at`, as texts."""
    out, depth, begin = [], 0, at + 1
    for m in re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)\'|/\*.*?\*/|[()\[\]{},]', re.S).finditer(text, at):
        c = m.group()
        if c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        if depth == 0 or (c == "," and depth == 1):
            out.append(text[begin:m.start()].strip())
            begin = m.end()
        if depth == 0:
            return out
    return out


def constant(argument):
    """Returns the format with … for conversions, and for macros between strings; "" if the argument is no string."""
    if not argument.lstrip().startswith('"'):
        return ""
    text = "".join(m.group(1) if m.group(1) is not None else "…" for m in re.finditer(r'"((?:[^"\\]|\\.)*)"|\b[A-Z][A-Z0-9_]+\b', argument))
    text = re.sub(r"%(?:[-+ #0]*[0-9]*(?:\.(?:\*|[0-9]+))?(?:hh|h|ll|l|z|j)?[a-zA-Z])", "…", text)
    return re.sub("…+", "…", text.replace("%%", "%").replace('\\"', '"').replace("\\\\", "\\"))


def lines():
    """Yields (program, file and line, message)."""
    for program in PROGRAMS:
        for path in sorted(glob.glob(os.path.join(TOP, program, "**/*.c"), recursive=True)):
            with open(path, encoding="utf-8") as f:
                text = f.read()
            for m in re.finditer(r"\b(%s)\(" % "|".join(FUNCTIONS), text):
                args = arguments(text, m.end() - 1)
                level = next((i for i, a in enumerate(args) if LEVEL.search(a)), None)
                if level is None:
                    continue
                rest = [constant(a) for a in args[level + 1:]]
                message = next((r for r in rest if r), "…")
                if m.group(1) == "connection_log":  # the text, then a detail
                    message += ": " + (rest[1] if len(rest) > 1 and rest[1] else "…")
                where = "%s:%d" % (os.path.relpath(path, TOP), text.count("\n", 0, m.start()) + 1)
                yield program, where, FUNCTIONS[m.group(1)] + message


def rows():
    """Yields (program, texts of the first column) of each row."""
    program = None
    with open(os.path.join(TOP, PAGE), encoding="utf-8") as f:
        for line in f:
            heading = re.match(r"## .*?\b(%s)\b" % "|".join(sorted(PROGRAMS, key=len, reverse=True)), line)
            if heading or line.startswith("## "):
                program = heading.group(1) if heading else None
            texts = re.findall(r"`([^`]+)`", line.split(" | ")[0]) if line.startswith("| `") else []
            if program and texts:
                yield program, texts


def matches(row, message):
    return message == row or (len(row) >= SHORTEST and message.startswith(row))


def missing():
    known = list(rows())
    for program, where, message in lines():
        if not any(matches(t, message) for p, texts in known if p == program or program == "common" for t in texts):
            yield "%s: no row in %s: %s" % (where, PAGE, message)


def stale():
    messages = list(lines())
    last = (None, "")
    for program, texts in rows():
        for t in texts:
            if not any(matches(t, m) for p, _, m in messages if p in (program, "common")):
                yield "%s, %s: no line in the sources: %s" % (PAGE, program, t)
        key = (program, re.sub(r"^[^a-z]+", "", texts[0].lower()))
        if key[0] == last[0] and key[1] < last[1]:
            yield "%s, %s: not in alphabetical order: %s" % (PAGE, program, texts[0])
        last = key


def main():
    if sys.argv[1:] == ["list"]:
        for program, where, message in lines():
            print("%-12s %-45s %s" % (program, where, message))
        return 0
    found = list({"missing": missing, "stale": stale}[sys.argv[1]]())
    print("".join(x + "\n" for x in found), end="")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
