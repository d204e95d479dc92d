"""What is compiled when the package is installed; all else is in `pyproject.toml`."""

from pathlib import Path

from setuptools import Extension, setup

TEXT_ROWS = Path("pysqlsync_engine/dialect/postgresql/text_rows")

setup(
    ext_modules=[
        Extension(
            "pysqlsync_engine.dialect.postgresql._text_rows",
            sorted(map(str, TEXT_ROWS.glob("*.c"))),
            depends=sorted(map(str, TEXT_ROWS.glob("*.h"))),
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            extra_compile_args=["-O3", "-std=c11", "-Wall", "-Wextra"],
            py_limited_api=True,
            # without a compiler, text of files goes to PostgreSQL as text
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
