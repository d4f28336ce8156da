#include "compiler/lsp/position.h"

#include "compiler/text/text.h"

void mimo_lsp_lines_init(struct mimo_lsp_lines *lines, struct mimo_arena *arena, const char *text,
                         size_t size)
{
    *lines = (struct mimo_lsp_lines){.text = text, .size = size};
    MIMO_APPEND(arena, lines->begins, lines->count, lines->capacity, 0);
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n' || (text[i] == '\r' && (i + 1 == size || text[i + 1] != '\n')))
            MIMO_APPEND(arena, lines->begins, lines->count, lines->capacity, i + 1);
    }
}

/* Code units of the character that is `length` bytes long at `text`. */
static uint32_t unit_count(enum mimo_lsp_encoding encoding, uint32_t character, size_t length)
{
    switch (encoding) {
    case MIMO_LSP_UTF16:
        return character != MIMO_INVALID_CHARACTER && character > 0xFFFF ? 2 : 1;
    case MIMO_LSP_UTF8:
    case MIMO_LSP_ENCODING_COUNT:
        break;
    }
    return (uint32_t)length;
}

/* The line that holds byte `offset`. */
static size_t line_of(const struct mimo_lsp_lines *lines, size_t offset)
{
    size_t low = 0, high = lines->count;

    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (lines->begins[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

struct mimo_lsp_position mimo_lsp_position_of(const struct mimo_lsp_lines *lines,
                                              enum mimo_lsp_encoding encoding, size_t offset)
{
    const size_t end = offset < lines->size ? offset : lines->size;
    const size_t line = line_of(lines, end);
    struct mimo_lsp_position position = {.line = (uint32_t)line};
    size_t length;

    for (size_t i = lines->begins[line]; i < end; i += length) {
        const uint32_t character = mimo_utf8_decode(lines->text + i, lines->size - i, &length);
        position.character += unit_count(encoding, character, length);
    }
    return position;
}

/* Where the line ends, its ending left out. */
static size_t end_of(const struct mimo_lsp_lines *lines, size_t line)
{
    size_t end = line + 1 < lines->count ? lines->begins[line + 1] : lines->size;

    if (line + 1 == lines->count)
        return end;
    end--;
    if (lines->text[end] == '\n' && end > lines->begins[line] && lines->text[end - 1] == '\r')
        end--;
    return end;
}

size_t mimo_lsp_offset_of(const struct mimo_lsp_lines *lines, enum mimo_lsp_encoding encoding,
                          struct mimo_lsp_position position)
{
    uint32_t units = 0;
    size_t length, end, i;

    if (position.line >= lines->count)
        return lines->size;
    end = end_of(lines, position.line);
    for (i = lines->begins[position.line]; i < end; i += length) {
        const uint32_t character = mimo_utf8_decode(lines->text + i, lines->size - i, &length);
        units += unit_count(encoding, character, length);
        if (units > position.character)
            break;
    }
    return i;
}
