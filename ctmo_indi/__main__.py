"""``python -m ctmo_indi`` is the command ``ctmo-indi``."""

from ctmo_indi.cli import main

if __name__ == "__main__":
    main()
