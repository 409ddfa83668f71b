"""`python -m opencodeinstruct.tools` is the command `opencodeinstruct`."""

from opencodeinstruct.tools.cli import main

main()
