"""Every error of the evaluation engine, in one small tree; it knows nothing of the program around it.

::

    RegressionError            something the operator can act on
    ├── SuiteError             a suite file is missing or not what it claims; names file and line
    ├── JudgeError             a judge gave no score, or not in time: the item is unmeasured
    ├── ModelError             a model or adapter cannot be loaded or gives no usable numbers
    │   └── OutOfMemory        memory does not suffice, even for the smallest batch
    └── UnmeasuredError        too little, or not the same, was measured on both sides: never a zero, never a pass

Each message is one sentence of what is wrong, ``hint`` one of what to do next. Our own misuse is ``RuntimeError``.
"""

from pathlib import Path

_SHORT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
"""What torch's allocators say; those of the CPU have no error type of their own."""


class RegressionError(Exception):
    """Something the operator can act on."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class SuiteError(RegressionError):
    """A suite file is missing, or a line of it is not what the format asks for."""

    def __init__(self, message: str, *, path: Path | None = None, line: int | None = None, hint: str = "") -> None:
        where = f"{path}, line {line}: " if path is not None and line is not None else ""
        super().__init__(where + message, hint=hint)
        self.path = path
        self.line = line


class JudgeError(RegressionError):
    """A judge gave no score, or not in time."""


class ModelError(RegressionError):
    """A model or adapter cannot be loaded, does not fit, or answers with numbers that are not finite."""


class OutOfMemory(ModelError):
    """Memory does not suffice for a batch."""


def short_of_memory(error: BaseException) -> bool:
    """Return whether an error of torch or Python says that memory ran out, on any device."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SHORT_OF_MEMORY)


class UnmeasuredError(RegressionError):
    """There is too little to compare, or the two sides were not measured on the same items."""
