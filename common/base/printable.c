/* SPDX-License-Identifier: MIT */
#include "common/base/printable.h"

size_t printable_len(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	static const struct {
		unsigned char first, last, second_first, second_last;
		size_t n;
	} row[] = {
		{ 0x20, 0x7e, 0, 0xff, 1 },    { 0xc2, 0xc2, 0xa0, 0xbf, 2 }, { 0xc3, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		if (p[0] < row[i].first || p[0] > row[i].last)
			continue;
		if (p[1] < row[i].second_first || p[1] > row[i].second_last)
			return 0;
		for (size_t k = 2; k < row[i].n; k++)
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		return row[i].n;
	}
	return 0;
}
