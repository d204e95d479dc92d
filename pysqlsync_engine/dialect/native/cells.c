/* Writes objects of Python as cells of lines for LOAD DATA. */

#include "cells.h"

#include <string.h>

#include "escapes.h"

/* Longest integer of 64 bits, with its sign. */
#define MAX_INTEGER_BYTES 20

static int
append_text(PyObject *value, Buffer *buffer)
{
    Py_ssize_t size;
    const char *text = PyUnicode_AsUTF8AndSize(value, &size);
    if (text == NULL) {
        return -1;
    }
    if (buffer_reserve(buffer, 2 * (size_t)size) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    uint8_t *place = buffer->bytes + buffer->size;
    for (Py_ssize_t index = 0; index < size; index++) {
        char letter = ESCAPES[(uint8_t)text[index]];
        if (letter == '0') {
            PyErr_SetString(PyExc_ValueError, "NUL character cannot be stored as text");
            return -1;
        }
        if (letter != '\0') {
            *place++ = '\\';
        }
        *place++ = letter == '\0' ? (uint8_t)text[index] : (uint8_t)letter;
    }
    buffer->size = (size_t)(place - buffer->bytes);
    return 0;
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

static int
append_cell(PyObject *value, Buffer *buffer)
{
    if (PyUnicode_CheckExact(value)) {
        return append_text(value, buffer);
    }
    if (PyLong_CheckExact(value)) {
        return append_integer(value, buffer);
    }
    if (value != Py_None) {
        return append_spelled(value, buffer);
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
append_line(PyObject *row, Py_ssize_t width, Buffer *buffer)
{
    if (!PyTuple_Check(row) || PyTuple_Size(row) != width) {
        PyErr_Format(PyExc_ValueError, "expected %zd values in a row", width);
        return -1;
    }
    for (Py_ssize_t index = 0; index < width; index++) {
        if (append_cell(PyTuple_GetItem(row, index), buffer) < 0) {
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
append_lines(PyObject *rows, Py_ssize_t width, Buffer *buffer)
{
    Py_ssize_t count = PyList_Size(rows);
    for (Py_ssize_t index = 0; index < count; index++) {
        PyObject *row = PyList_GetItem(rows, index);
        if (row == NULL || append_line(row, width, buffer) < 0) {
            return -1;
        }
    }
    return count < 0 ? -1 : 0;
}
