/* Lines for LOAD DATA made of objects of Python. */

#ifndef CELLS_H
#define CELLS_H

#include <Python.h>

#include "buffer.h"

/*
 * Appends a line for each row: a tuple of `width` integers, strings, and others that are spelled as `str` does.
 *
 * Returns -1, with an exception, for a row of another width and for a string that cannot be stored.
 */
int append_lines(PyObject *rows, Py_ssize_t width, Buffer *buffer);

#endif
