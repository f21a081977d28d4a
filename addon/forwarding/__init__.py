"""Keeping the centre up to date with the record, beside the gate and never in its way."""
