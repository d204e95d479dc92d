/* Writes objects of Python as cells of lines for LOAD DATA. */

#include "cells.h"

#include <stdbool.h>
#include <string.h>

#include "digits.h"
#include "escapes.h"

/* Longest integer of 64 bits, with its sign. */
#define MAX_INTEGER_BYTES 20

/* Year, month, day; hour, minute, second, and three bytes of a second's fraction. */
#define DAY_BYTES 4
#define CLOCK_BYTES 6
#define MAX_MOMENT_BYTES 32

int
find_moments(Moments *moments)
{
    PyObject *module = PyImport_ImportModule("datetime");
    if (module == NULL) {
        return -1;
    }
    moments->datetime_type = PyObject_GetAttrString(module, "datetime");
    moments->date_type = PyObject_GetAttrString(module, "date");
    moments->time_type = PyObject_GetAttrString(module, "time");
    moments->reduce = PyUnicode_InternFromString("__reduce__");
    Py_DECREF(module);
    bool is_found = moments->datetime_type != NULL && moments->date_type != NULL && moments->time_type != NULL;
    return is_found && moments->reduce != NULL ? 0 : -1;
}

void
forget_moments(Moments *moments)
{
    Py_CLEAR(moments->datetime_type);
    Py_CLEAR(moments->date_type);
    Py_CLEAR(moments->time_type);
    Py_CLEAR(moments->reduce);
}

/* Appends bytes with escapes; returns how many of them are zero, or -1 if there is no memory. */
static Py_ssize_t
append_escaped(const char *bytes, Py_ssize_t size, Buffer *buffer)
{
    if (buffer_reserve(buffer, 2 * (size_t)size) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    Py_ssize_t zeros = 0;
    uint8_t *place = buffer->bytes + buffer->size;
    for (Py_ssize_t index = 0; index < size; index++) {
        char letter = ESCAPES[(uint8_t)bytes[index]];
        zeros += letter == '0';
        if (letter != '\0') {
            *place++ = '\\';
        }
        *place++ = letter == '\0' ? (uint8_t)bytes[index] : (uint8_t)letter;
    }
    buffer->size = (size_t)(place - buffer->bytes);
    return zeros;
}

static int
append_text(PyObject *value, Buffer *buffer)
{
    Py_ssize_t size;
    const char *text = PyUnicode_AsUTF8AndSize(value, &size);
    Py_ssize_t zeros = text == NULL ? -1 : append_escaped(text, size, buffer);
    if (zeros > 0) {
        PyErr_SetString(PyExc_ValueError, "NUL character cannot be stored as text");
    }
    return zeros == 0 ? 0 : -1;
}

static int
append_bytes(PyObject *value, Buffer *buffer)
{
    char *bytes;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(value, &bytes, &size) < 0) {
        return -1;
    }
    return append_escaped(bytes, size, buffer) < 0 ? -1 : 0;
}

static int
append_spelled(PyObject *value, Buffer *buffer)
{
    PyObject *text = PyObject_Str(value);
    if (text == NULL) {
        return -1;
    }
    int result = append_text(text, buffer);
    Py_DECREF(text);
    return result;
}

static int
append_integer(PyObject *value, Buffer *buffer)
{
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow != 0) {
        return append_spelled(value, buffer);
    }
    if (buffer_reserve(buffer, MAX_INTEGER_BYTES) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    char digits[MAX_INTEGER_BYTES];
    size_t start = sizeof digits;
    unsigned long long rest = number < 0 ? 0 - (unsigned long long)number : (unsigned long long)number;
    do {
        digits[--start] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0) {
        digits[--start] = '-';
    }
    memcpy(buffer->bytes + buffer->size, digits + start, sizeof digits - start);
    buffer->size += sizeof digits - start;
    return 0;
}

static char *
put_day(char *text, const uint8_t *state)
{
    put_digits(&text, state[0] << 8 | state[1], 4, '-');
    put_digits(&text, state[2], 2, '-');
    put_digits(&text, state[3], 2, ' ');
    return text;
}

/* Without a fraction if there is none, as Python does. */
static char *
put_clock(char *text, const uint8_t *state)
{
    int64_t fraction = state[3] << 16 | state[4] << 8 | state[5];
    put_digits(&text, state[0], 2, ':');
    put_digits(&text, state[1], 2, ':');
    put_digits(&text, state[2], 2, '.');
    if (fraction == 0) {
        return text - 1;
    }
    put_digits(&text, fraction, 6, ' ');
    return text - 1;
}

/* Spells a moment of which the state is known; returns its end, or NULL if it is no such state. */
static char *
put_moment(char *text, const uint8_t *state, Py_ssize_t size, bool has_day, bool has_clock)
{
    if (size != (has_day ? DAY_BYTES : 0) + (has_clock ? CLOCK_BYTES : 0)) {
        return NULL;
    }
    if (has_day) {
        text = put_day(text, state);
    }
    return has_clock ? put_clock(text, state + (has_day ? DAY_BYTES : 0)) : text - 1;
}

static int
append_moment(PyObject *value, const Moments *moments, Buffer *buffer)
{
    PyObject *reduced = PyObject_CallMethodObjArgs(value, moments->reduce, NULL);
    PyObject *arguments = reduced == NULL ? NULL : PyTuple_GetItem(reduced, 1);
    PyObject *state = arguments == NULL ? NULL : PyTuple_GetItem(arguments, 0);
    char text[MAX_MOMENT_BYTES], *bytes, *end = NULL;
    Py_ssize_t size;
    if (state != NULL && PyBytes_AsStringAndSize(state, &bytes, &size) == 0) {
        PyObject *type = (PyObject *)Py_TYPE(value);
        end = put_moment(
            text, (const uint8_t *)bytes, size, type != moments->time_type, type != moments->date_type);
        if (end == NULL) {
            PyErr_SetString(PyExc_SystemError, "a moment has not the parts that are known");
        }
    }
    Py_XDECREF(reduced);
    if (end == NULL) {
        return -1;
    }
    if (buffer_reserve(buffer, sizeof text) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(buffer->bytes + buffer->size, text, (size_t)(end - text));
    buffer->size += (size_t)(end - text);
    return 0;
}

static bool
is_moment(PyObject *value, const Moments *moments)
{
    PyObject *type = (PyObject *)Py_TYPE(value);
    return type == moments->datetime_type || type == moments->date_type || type == moments->time_type;
}

static int
append_cell(PyObject *value, const Moments *moments, Buffer *buffer)
{
    if (PyUnicode_CheckExact(value)) {
        return append_text(value, buffer);
    }
    if (PyLong_CheckExact(value)) {
        return append_integer(value, buffer);
    }
    if (PyBytes_CheckExact(value)) {
        return append_bytes(value, buffer);
    }
    if (value != Py_None) {
        return is_moment(value, moments) ? append_moment(value, moments, buffer) : append_spelled(value, buffer);
    }
    if (buffer_reserve(buffer, 2) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    buffer->bytes[buffer->size++] = '\\';
    buffer->bytes[buffer->size++] = 'N';
    return 0;
}

static int
append_line(PyObject *row, Py_ssize_t width, const Moments *moments, Buffer *buffer)
{
    if (!PyTuple_Check(row) || PyTuple_Size(row) != width) {
        PyErr_Format(PyExc_ValueError, "expected %zd values in a row", width);
        return -1;
    }
    for (Py_ssize_t index = 0; index < width; index++) {
        if (append_cell(PyTuple_GetItem(row, index), moments, buffer) < 0) {
            return -1;
        }
        if (buffer_reserve(buffer, 1) < 0) {
            PyErr_NoMemory();
            return -1;
        }
        buffer->bytes[buffer->size++] = index + 1 == width ? '\n' : '\t';
    }
    return 0;
}

int
append_lines(PyObject *rows, Py_ssize_t width, const Moments *moments, Buffer *buffer)
{
    Py_ssize_t count = PyList_Size(rows);
    for (Py_ssize_t index = 0; index < count; index++) {
        PyObject *row = PyList_GetItem(rows, index);
        if (row == NULL || append_line(row, width, moments, buffer) < 0) {
            return -1;
        }
    }
    return count < 0 ? -1 : 0;
}
