"""The HTTP side: access, limits, REST, metrics, and every route in one application.

`web_application.web_application` is the entrance.
"""
