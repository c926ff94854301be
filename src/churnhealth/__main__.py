"""``python -m churnhealth`` is ``churnhealth``."""

from churnhealth.cli import main

if __name__ == "__main__":
    main()
