"""What is compiled when the package is installed; all else is in `pyproject.toml`."""

from pathlib import Path

from setuptools import Extension, setup

NATIVE = Path("pysqlsync_engine/dialect/native")

setup(
    ext_modules=[
        Extension(
            "pysqlsync_engine.dialect._text_rows",
            sorted(map(str, NATIVE.glob("*.c"))),
            depends=sorted(map(str, NATIVE.glob("*.h"))),
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            extra_compile_args=["-O3", "-std=c11", "-Wall", "-Wextra"],
            py_limited_api=True,
            # without a compiler, text of files is sent as it is
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
