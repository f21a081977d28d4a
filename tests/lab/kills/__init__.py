"""The whole gate, killed again and again under load, and what its record says afterwards."""
