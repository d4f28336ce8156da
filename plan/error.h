/*
 * error.h - how a failure of the environment travels: one status, one message.
 *
 * The first function to notice a failure fills a `struct mimo_error`; callers pass the status on
 * unchanged. Libraries neither print nor exit: `mimoc` and `mimo-exec` do that once, at the top.
 * (A mistake in the user's declaration is not an error in this sense but a diagnostic, see
 * compiler/diagnostic/diagnostic.h. A mistake of ours is an assertion, MIMO_ASSERT.)
 */
#ifndef MIMO_PLAN_ERROR_H
#define MIMO_PLAN_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The numbers are the exit statuses of mimo-exec. */
enum mimo_status {
    MIMO_OK = 0,
    MIMO_E_FAILED = 1,     /* a failure that no other status names */
    MIMO_E_USAGE = 2,      /* the command line */
    MIMO_E_PLAN = 3,       /* the plan is truncated, altered or of an unknown version */
    MIMO_E_WORLD = 4,      /* the world does not match the plan, or cannot carry it out */
    MIMO_E_DATA = 5,       /* data or weights: missing, corrupt, of another shape */
    MIMO_E_NUMERIC = 6,    /* a loss or gradient is no longer a number */
    MIMO_E_TIMEOUT = 7,    /* no progress within the time limit */
    MIMO_E_LOST = 8,       /* a rank was lost */
    MIMO_E_CHECKPOINT = 9, /* a checkpoint could not be written or verified */
};

struct mimo_error {
    enum mimo_status status;
    bool is_agreed;     /* every rank of the world holds this same error: one of them prints it */
    char message[1024]; /* one sentence without a final newline; NUL-terminated, cut if too long */
};

/* Fills `err` (which may be NULL) and returns `status`, so that callers write `return
 * mimo_error_set(...)`. An error that is already set is kept: the first to notice wins. */
enum mimo_status mimo_error_set(struct mimo_error *err, enum mimo_status status, const char *format,
                                ...) __attribute__((format(printf, 3, 4)));

/* As mimo_error_set, and appends ": " and the text of `errno`. */
enum mimo_status mimo_error_errno(struct mimo_error *err, enum mimo_status status,
                                  const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Returns from the calling function when `expression` is not MIMO_OK. */
#define MIMO_TRY(expression)                                                                       \
    do {                                                                                           \
        const enum mimo_status mimo_try_status_ = (expression);                                    \
        if (mimo_try_status_ != MIMO_OK)                                                           \
            return mimo_try_status_;                                                               \
    } while (0)

/* A condition that only a bug of ours can break. On in every build: prints the expression and its
 * place to standard error and aborts. */
#define MIMO_ASSERT(condition)                                                                     \
    ((condition) ? (void)0 : mimo_assert_failed(#condition, __FILE__, __LINE__))

void mimo_assert_failed(const char *condition, const char *file, int line)
    __attribute__((noreturn));

#ifdef __cplusplus
}
#endif

#endif
