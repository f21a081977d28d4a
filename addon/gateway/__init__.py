"""Everything around the proxy that makes it the school's gateway; no mitmproxy and no SQL."""
