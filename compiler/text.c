#include "compiler/text.h"

#include <stdbool.h>

struct range {
    uint32_t first, last;
};

static bool is_in(const struct range *ranges, size_t count, uint32_t character)
{
    for (size_t i = 0; i < count; i++) {
        if (character >= ranges[i].first && character <= ranges[i].last)
            return true;
    }
    return false;
}

/* The bytes that follow a lead byte, and the smallest character that needs so many. */
static unsigned continuation_count(unsigned char lead, uint32_t *out_smallest)
{
    if (lead >= 0xC2 && lead <= 0xDF) {
        *out_smallest = 0x80;
        return 1;
    }
    if (lead >= 0xE0 && lead <= 0xEF) {
        *out_smallest = 0x800;
        return 2;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        *out_smallest = 0x10000;
        return 3;
    }
    return 0;
}

uint32_t mimo_utf8_decode(const char *text, size_t size, size_t *out_length)
{
    const unsigned char lead = (unsigned char)text[0];
    uint32_t smallest = 0;
    const unsigned count = continuation_count(lead, &smallest);
    uint32_t character;

    *out_length = 1;
    if (lead < 0x80)
        return lead;
    if (count == 0 || size <= count)
        return MIMO_INVALID_CHARACTER;
    character = lead & (0x3Fu >> count);
    for (unsigned i = 1; i <= count; i++) {
        const unsigned char byte = (unsigned char)text[i];
        if ((byte & 0xC0) != 0x80)
            return MIMO_INVALID_CHARACTER;
        character = character << 6 | (byte & 0x3Fu);
    }
    if (character < smallest || character > 0x10FFFF ||
        (character >= 0xD800 && character <= 0xDFFF))
        return MIMO_INVALID_CHARACTER;
    *out_length = count + 1;
    return character;
}

size_t mimo_utf8_count(const char *text, size_t size)
{
    size_t count = 0, length;

    for (size_t i = 0; i < size; i += length) {
        (void)mimo_utf8_decode(text + i, size - i, &length);
        count++;
    }
    return count;
}

unsigned mimo_character_width(uint32_t character)
{
    static const struct range marks[] = {
        {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x064B, 0x065F}, {0x1AB0, 0x1AFF},
        {0x1DC0, 0x1DFF}, {0x200B, 0x200F}, {0x202A, 0x202E}, {0x20D0, 0x20FF}, {0x302A, 0x302D},
        {0x3099, 0x309A}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}, {0xE0100, 0xE01EF},
    };
    static const struct range wide[] = {
        {0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0x33FF},   {0x3400, 0x4DBF},
        {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},   {0xA960, 0xA97F},   {0xAC00, 0xD7A3},
        {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
        {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1FAFF}, {0x20000, 0x3FFFD},
    };

    if (character < 0x300)
        return 1;
    if (is_in(marks, sizeof marks / sizeof *marks, character))
        return 0;
    return is_in(wide, sizeof wide / sizeof *wide, character) ? 2 : 1;
}
