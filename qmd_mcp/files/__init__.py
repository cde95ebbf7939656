"""Files on a machine that others use too: who owns them, what leads elsewhere, and how private ones are written."""
