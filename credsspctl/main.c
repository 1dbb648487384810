/* SPDX-License-Identifier: MIT */
#include "credsspctl/ctl.h"

int main(int argc, char **argv)
{
	return ctl_main(argc, argv);
}
