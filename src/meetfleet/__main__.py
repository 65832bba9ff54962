"""`python -m meetfleet` is the `meetfleet` command."""

from meetfleet.cli import main

if __name__ == "__main__":
    main()
