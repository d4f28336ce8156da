#include "plan/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void format_message(struct mimo_error *err, enum mimo_status status, const char *format,
                           va_list arguments) __attribute__((format(printf, 3, 0)));

static void format_message(struct mimo_error *err, enum mimo_status status, const char *format,
                           va_list arguments)
{
    err->status = status;
    (void)vsnprintf(err->message, sizeof err->message, format, arguments);
}

enum mimo_status mimo_error_set(struct mimo_error *err, enum mimo_status status, const char *format,
                                ...)
{
    va_list arguments;

    if (err == NULL || err->status != MIMO_OK)
        return status;
    va_start(arguments, format);
    format_message(err, status, format, arguments);
    va_end(arguments);
    return status;
}

enum mimo_status mimo_error_errno(struct mimo_error *err, enum mimo_status status,
                                  const char *format, ...)
{
    const int error_number = errno;
    va_list arguments;
    size_t length;

    if (err == NULL || err->status != MIMO_OK)
        return status;
    va_start(arguments, format);
    format_message(err, status, format, arguments);
    va_end(arguments);
    length = strlen(err->message);
    (void)snprintf(err->message + length, sizeof err->message - length, ": %s",
                   strerror(error_number));
    return status;
}

_Noreturn void mimo_assert_failed(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "mimo: internal error: %s:%d: %s\n", file, line, condition);
    abort();
}
