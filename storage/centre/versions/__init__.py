"""The versions of the centre's tables and functions, a file each, in order."""
