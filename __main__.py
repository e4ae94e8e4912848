"""``python -m loadstone`` is the command ``loadstone``."""

from .harness.cli import main

if __name__ == "__main__":
    main()
