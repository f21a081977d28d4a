"""One file a version, in order. A released one never changes."""
