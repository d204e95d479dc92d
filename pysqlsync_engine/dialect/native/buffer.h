/* Bytes that grow, and integers in them, the byte with the most weight first. */

#ifndef BUFFER_H
#define BUFFER_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct {
    uint8_t *bytes;
    size_t size;
    size_t room;
} Buffer;

/* Returns 0 if there is room for so many bytes more; -1 if there is no memory for them. */
static inline int
buffer_reserve(Buffer *buffer, size_t more)
{
    if (buffer->room - buffer->size >= more) {
        return 0;
    }
    if (more > SIZE_MAX / 4 || buffer->size > SIZE_MAX / 4) {
        return -1;
    }
    size_t room = 2 * buffer->size + more;
    uint8_t *bytes = realloc(buffer->bytes, room);
    if (bytes == NULL) {
        return -1;
    }
    buffer->bytes = bytes;
    buffer->room = room;
    return 0;
}

/* What follows is for places that were reserved. */

static inline void
store_uint16(uint8_t *place, uint16_t value)
{
    place[0] = (uint8_t)(value >> 8);
    place[1] = (uint8_t)value;
}

static inline void
store_uint32(uint8_t *place, uint32_t value)
{
    store_uint16(place, (uint16_t)(value >> 16));
    store_uint16(place + 2, (uint16_t)value);
}

static inline void
store_uint64(uint8_t *place, uint64_t value)
{
    store_uint32(place, (uint32_t)(value >> 32));
    store_uint32(place + 4, (uint32_t)value);
}

static inline void
append_uint16(Buffer *buffer, uint16_t value)
{
    store_uint16(buffer->bytes + buffer->size, value);
    buffer->size += 2;
}

static inline void
append_uint32(Buffer *buffer, uint32_t value)
{
    store_uint32(buffer->bytes + buffer->size, value);
    buffer->size += 4;
}

static inline void
append_uint64(Buffer *buffer, uint64_t value)
{
    store_uint64(buffer->bytes + buffer->size, value);
    buffer->size += 8;
}

#endif
