"""``python -m churnhealth.cli`` is ``churnhealth``."""

from churnhealth.cli import main

if __name__ == "__main__":
    main()
