"""Lists from outside: lists of names that others keep, read, checked and kept for the policy.

A list is somebody else's text and changes without asking. So it passes through four steps, and
each can only narrow what the next one sees:

1. `bundles` says which files there are (a file, a folder, an archive unpacked by `archives`), and
   `texts` gives their lines, or says in one sentence why they are no text.
2. One module for each format makes entries of the lines, or says why a line is passed over.
3. `sorting` puts the entries in order, without repetition, in bounded memory.
4. `sanity` refuses a list that would do harm, and `keeping` puts it in the place of the last one.

Nothing here touches the network or reads the clock.
"""
