/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/limits.h"

/*
 * Makes one word of a log line from text of a client: without blanks it cannot forge a field, without control
 * characters not a line. Returns @out: "?" for an empty text; what does not fit is cut off.
 */
const char *log_word(const char *text, char out[LOG_WORD_MAX + 1]);
