"""`python -m dfx` is `dfx`."""

from dfx.cli.app import main

if __name__ == "__main__":
    main()
