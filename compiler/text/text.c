#include "compiler/text/text.h"

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
