"""`python -m distro` is the `distro` command."""

from distro.cli import main

main()
