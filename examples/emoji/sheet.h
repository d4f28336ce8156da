/*
 * sheet.h - the contact sheet: every test picture with its true and its generated caption.
 *
 * One HTML page that needs nothing else: pictures inside as data: URIs, style inside, no scripts.
 */
#ifndef MIMO_EXAMPLES_EMOJI_SHEET_H
#define MIMO_EXAMPLES_EMOJI_SHEET_H

#include "examples/emoji/captions.h"
#include "plan/error.h"

#include <stdio.h>

/*
 * The page for `list` as text that the caller frees with free(), `*out_size` bytes and a NUL. The
 * pictures (PNG or JPEG) are read below `images_root`; a missing one is MIMO_E_USAGE, one of
 * another kind MIMO_E_DATA. Texts of the list are shown as text, whatever they contain.
 */
enum mimo_status mimo_sheet_print(const struct mimo_caption_list *list, const char *images_root,
                                  char **out_html, size_t *out_size, struct mimo_error *err);

/* The page's style sheet. */
extern const char mimo_sheet_style[];

#endif
