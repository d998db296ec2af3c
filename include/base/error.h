/* error - one error space for the whole program
 *
 * Leaves fill in a caller-owned struct and stay silent; the boundary (a
 * callback, a thread's loop, a main function) logs it once.  Three kinds of
 * trouble never mix: a verdict is a value, a failure is a struct error, and
 * a bug asserts.  What a wire, a worker, a file or a user sends is never
 * asserted on.
 *
 * A function that can fail returns the code and takes the struct as its last
 * argument; after ERROR_NONE the struct is untouched.  Any thread; no locks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#define CHECK_RESULT __attribute__((warn_unused_result))

enum error_code {
	ERROR_NONE = 0,
	ERROR_SYSTEM,      /* a system call failed; sys_errno says how */
	ERROR_INPUT,       /* configuration, argument or file is wrong */
	ERROR_LIMIT,       /* a configured bound is reached */
	ERROR_PEER,        /* another process broke the protocol */
	ERROR_GONE,        /* the other end is closed or dead */
	ERROR_TIMEOUT,     /* the deadline passed first */
	ERROR_ENGINE,      /* libclamav refused */
	ERROR_UNSUPPORTED, /* the kernel or the build lacks it */
};

struct error {
	enum error_code code;
	int sys_errno;  /* 0 unless a system call was the cause */
	char text[512]; /* one line, no newline, printable */
};

/* Fills in *err (which may be NULL) and returns code. */
enum error_code error_set(struct error *err, enum error_code code,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As error_set() with ERROR_SYSTEM; ": " and strerror(sys_errno) follow. */
enum error_code error_sys(struct error *err, int sys_errno, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

#endif
