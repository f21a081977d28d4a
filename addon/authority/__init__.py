"""The school's own certificate authority, which signs the block page of a site that uses TLS.

A root, which devices trust for ten years, signs intermediates of one year, and those sign what is
shown to browsers. What an intermediate may sign for is written into it (X.509 name constraints):
the restricted sites and little else. Whoever steals the gateway's key can therefore impersonate
nobody that matters, once the root's own key is sealed.

    names.py         what it has to sign for, from the policy
    parts.py         how those names are dealt out to intermediates
    certificates.py  the certificates themselves
    folder.py        the files: read, checked, written whole or not at all
    signing.py       new intermediates under a root
    keeping.py       made at first start, renewed, extended, taken over from before
    sealing.py       the root's key under a passphrase
    rotation.py      the next root, beside the present one
    report.py        what is not well, in sentences
"""
