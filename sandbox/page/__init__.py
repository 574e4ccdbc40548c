"""The web page: what an integration did, as it happens, for a person with a browser.

It shows and does nothing that the control API could not, and calls the same functions. A view is
one module here, which offers a `VIEW` and stands in the list of `views.py`, and one template; what
views share of looks is in `templates/parts`. Everything that came from outside is written by the
template engine, which escapes it and makes what cannot be seen visible (`shown.py`).
"""
