/* For expat: part of a salt that is then replaced. */
#pragma once

struct timeval {
	long tv_sec, tv_usec;
};

static inline int gettimeofday(struct timeval *tv, void *zone)
{
	(void)zone;
	tv->tv_sec = 0;
	tv->tv_usec = 1;
	return 0;
}
