"""Run real frameworks with real instrumentors, and record what their exporter writes.

make frameworks                   # .venv-frameworks, beside this one: the SDKs pin what others need newer
python -m tests.frameworks        # each program by each convention, into tests/recordings/otlp
"""

from __future__ import annotations

from tests.frameworks.programs import PROGRAMS, PYTHON, RECORDINGS, run


def main() -> None:
    """Record all of them."""
    if not PYTHON.exists():
        raise SystemExit("first: make frameworks")
    for program, convention in PROGRAMS:
        file = RECORDINGS / f"{program}-{convention}.jsonl"
        file.unlink(missing_ok=True)
        run(program, convention, file)
        print(f"{file.name}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
