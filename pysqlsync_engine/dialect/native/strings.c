/* Fields of text, and of values that are spelled by letters. */

#include <arpa/inet.h>
#include <string.h>

#include "fields.h"

#define UUID_BYTES 16
#define UUID_DIGITS 32
#define UUID_LETTERS 36

/* Families of addresses as the server numbers them. */
#define FAMILY_4 2
#define FAMILY_6 3

/* Letters after a backslash, and what they stand for. */
static const char ESCAPES[][2] = {
    {'\\', '\\'}, {'n', '\n'}, {'t', '\t'}, {'r', '\r'}, {'b', '\b'}, {'f', '\f'}, {'v', '\v'},
};

static bool
find_escaped(char letter, uint8_t *found)
{
    for (size_t index = 0; index < sizeof ESCAPES / sizeof *ESCAPES; index++) {
        if (ESCAPES[index][0] == letter) {
            *found = (uint8_t)ESCAPES[index][1];
            return true;
        }
    }
    return false;
}

/* Appends what a cell stands for; returns false if one of its escapes stands for nothing. */
static bool
append_unescaped(const Cell *cell, Buffer *buffer)
{
    const char *text = cell->text, *end = text + cell->size;
    uint8_t *place = buffer->bytes + buffer->size;
    while (text < end) {
        const char *escape = memchr(text, '\\', (size_t)(end - text));
        size_t plain = (size_t)((escape == NULL ? end : escape) - text);
        memcpy(place, text, plain);
        place += plain;
        text += plain;
        if (escape != NULL) {
            if (end - text < 2 || !find_escaped(text[1], place)) {
                return false;
            }
            place++;
            text += 2;
        }
    }
    buffer->size = (size_t)(place - buffer->bytes);
    return true;
}

/* Appends what a cell in quotes stands for, of which those that are doubled count once. */
static void
append_unquoted(const Cell *cell, Buffer *buffer)
{
    const char *text = cell->text, *end = text + cell->size;
    char quote = cell->text[-1];
    uint8_t *place = buffer->bytes + buffer->size;
    while (text < end) {
        const char *found = memchr(text, quote, (size_t)(end - text));
        size_t plain = found == NULL ? (size_t)(end - text) : (size_t)(found - text) + 1;
        memcpy(place, text, plain);
        place += plain;
        text += found == NULL ? plain : plain + 1;
    }
    buffer->size = (size_t)(place - buffer->bytes);
}

static bool
has_more_characters(const uint8_t *text, size_t size, long limit)
{
    if (limit < 0 || size <= (size_t)limit) {
        return false;
    }
    size_t characters = 0;
    for (size_t index = 0; index < size; index++) {
        characters += (text[index] & 0xC0) != 0x80;
    }
    return characters > (size_t)limit;
}

static bool
is_label(const Field *field, const uint8_t *text, size_t size)
{
    for (size_t index = 0; index < field->label_count; index++) {
        const Label *label = &field->labels[index];
        if (label->size == size && memcmp(label->text, text, size) == 0) {
            return true;
        }
    }
    return false;
}

static Verdict
append_string(const Field *field, const Cell *cell, Buffer *buffer)
{
    size_t start = buffer->size;
    if (cell->has_quotes) {
        append_unquoted(cell, buffer);
    } else if (cell->has_escapes) {
        if (!append_unescaped(cell, buffer)) {
            return INEXACT;
        }
    } else {
        memcpy(buffer->bytes + start, cell->text, cell->size);
        buffer->size += cell->size;
    }
    const uint8_t *text = buffer->bytes + start;
    size_t size = buffer->size - start;
    if (field->label_count > 0 && !is_label(field, text, size)) {
        return INEXACT;
    }
    return has_more_characters(text, size, field->limit) ? INEXACT : WRITTEN;
}

static Verdict
write_string(const Field *field, const Cell *cell, Buffer *buffer, const char *head, size_t head_size)
{
    if (cell->size > INT32_MAX / 2) {
        return INEXACT;
    }
    if (buffer_reserve(buffer, 4 + head_size + cell->size) < 0) {
        return NO_MEMORY;
    }
    size_t start = buffer->size;
    memcpy(buffer->bytes + start + 4, head, head_size);
    buffer->size += 4 + head_size;
    Verdict verdict = append_string(field, cell, buffer);
    store_uint32(buffer->bytes + start, (uint32_t)(buffer->size - start - 4));
    return verdict;
}

Verdict
write_text(const Field *field, const Cell *cell, Buffer *buffer)
{
    return write_string(field, cell, buffer, "", 0);
}

/* The version of the form comes first. */
Verdict
write_jsonb(const Field *field, const Cell *cell, Buffer *buffer)
{
    return write_string(field, cell, buffer, "\1", 1);
}

static int
hexadecimal(char letter)
{
    if (is_digit(letter)) {
        return letter - '0';
    }
    letter |= 0x20;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

static bool
is_before_hyphen(size_t digit)
{
    return digit == 8 || digit == 12 || digit == 16 || digit == 20;
}

/* In braces or not, with hyphens or without: what both the server and others take for the same. */
Verdict
write_uuid(const Field *field, const Cell *cell, Buffer *buffer)
{
    (void)field;
    const char *text = cell->text;
    size_t size = cell->size, digits = 0;
    if (size > 2 && text[0] == '{' && text[size - 1] == '}') {
        text++;
        size -= 2;
    }
    if (size != UUID_LETTERS && size != UUID_DIGITS) {
        return INEXACT;
    }
    uint8_t value[UUID_BYTES] = {0};
    for (size_t index = 0; index < size; index++) {
        if (size == UUID_LETTERS && is_before_hyphen(digits) && text[index] == '-' && text[index - 1] != '-') {
            continue;
        }
        int found = hexadecimal(text[index]);
        if (found < 0 || digits == UUID_DIGITS) {
            return INEXACT;
        }
        value[digits / 2] = (uint8_t)(value[digits / 2] << 4 | found);
        digits++;
    }
    if (digits != UUID_DIGITS) {
        return INEXACT;
    }
    if (buffer_reserve(buffer, 4 + UUID_BYTES) < 0) {
        return NO_MEMORY;
    }
    append_uint32(buffer, UUID_BYTES);
    memcpy(buffer->bytes + buffer->size, value, UUID_BYTES);
    buffer->size += UUID_BYTES;
    return WRITTEN;
}

/* An address of its own, without the mask of a network. */
Verdict
write_address(const Field *field, const Cell *cell, Buffer *buffer)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t value[16];
    bool is_6 = memchr(cell->text, ':', cell->size) != NULL;
    if (cell->size >= sizeof text || (field->limit > 0 && field->limit != (is_6 ? 6 : 4))) {
        return INEXACT;
    }
    memcpy(text, cell->text, cell->size);
    text[cell->size] = '\0';
    /* an IPv4 address in one of IPv6 is spelled in several ways */
    if ((is_6 && strchr(text, '.') != NULL) || inet_pton(is_6 ? AF_INET6 : AF_INET, text, value) != 1) {
        return INEXACT;
    }
    uint8_t size = is_6 ? 16 : 4;
    if (buffer_reserve(buffer, 8 + sizeof value) < 0) {
        return NO_MEMORY;
    }
    append_uint32(buffer, 4u + size);
    const uint8_t head[] = {is_6 ? FAMILY_6 : FAMILY_4, (uint8_t)(8 * size), 0, size};
    memcpy(buffer->bytes + buffer->size, head, sizeof head);
    memcpy(buffer->bytes + buffer->size + sizeof head, value, size);
    buffer->size += sizeof head + size;
    return WRITTEN;
}
