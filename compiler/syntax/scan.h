/*
 * scan.h - what the scanner does with the words it finds; private to the scanner and the
 * token stream.
 */
#ifndef MIMO_COMPILER_SYNTAX_SCAN_H
#define MIMO_COMPILER_SYNTAX_SCAN_H

#include "compiler/syntax/parser.h"
#include "mimo_parser.h"

/* A scanner of `size` bytes at `text`, which it copies; NULL where memory is short. */
void *mimo_scanner_new(struct mimo_scan *scan, const char *text, size_t size);
void mimo_scanner_free(void *scanner);

/* The kind of the next token; MIMO_TOKEN_END again and again at the end of the text. */
int mimo_scan_token(MIMO_YYSTYPE *value, struct mimo_span *span, void *scanner);

struct mimo_name mimo_scan_word(struct mimo_scan *scan, const char *text, size_t size,
                                struct mimo_span span);

/* The content of a string, its quotes removed and its escapes replaced. */
struct mimo_name mimo_scan_string(struct mimo_scan *scan, const char *text, size_t size,
                                  struct mimo_span span);

/* The same for a string that its line ends before its closing quote; reports that. */
struct mimo_name mimo_scan_unterminated(struct mimo_scan *scan, const char *text, size_t size,
                                        struct mimo_span span);

/* Notes where a comment is, and whether it silences a warning. */
void mimo_scan_comment(struct mimo_scan *scan, const char *text, size_t size,
                       struct mimo_span span);

/* Reports bytes that cannot stand where they do. */
void mimo_scan_stray(struct mimo_scan *scan, const char *text, size_t size, struct mimo_span span);

/* Reports NUL bytes and ill-formed UTF-8 anywhere in the file, comments and strings included. False
 * where there is so much of it that the file is no text. */
bool mimo_scan_check_bytes(struct mimo_scan *scan);

#endif
