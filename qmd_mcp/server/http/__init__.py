"""The HTTP side: access, limits, REST, metrics, and every route in one application."""
