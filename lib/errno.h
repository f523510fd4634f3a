/*
 * Error codes: functions return 0 or one of these negated. The numbers are POSIX's, so that a
 * code means the same to anyone who reads a log.
 */
#pragma once

enum {
	EPERM = 1,
	ENOENT = 2,
	EIO = 5,
	E2BIG = 7,
	EAGAIN = 11,
	ENOMEM = 12,
	EFAULT = 14,
	EBUSY = 16,
	EEXIST = 17,
	ENODEV = 19,
	EINVAL = 22,
	ENOSPC = 28,
	ERANGE = 34,
	ENOSYS = 38,
	EPROTO = 71,
	EOVERFLOW = 75,
	ENOTSUP = 95,
	ETIMEDOUT = 110,
	EALREADY = 114,
};
