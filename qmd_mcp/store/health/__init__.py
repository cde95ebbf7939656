"""Whether an index is whole (`examination.py`), and mending it (`mending.py`)."""
