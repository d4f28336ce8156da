/*
 * utf8.h - making any bytes valid UTF-8.
 */
#ifndef MIMO_RUNTIME_DATA_UTF8_H
#define MIMO_RUNTIME_DATA_UTF8_H

/* A copy of `text` in which each byte that is part of no well-formed sequence (RFC 3629) is U+FFFD
 * instead; the caller frees it. NULL where memory is short. */
char *mimo_utf8_repair(const char *text);

#endif
