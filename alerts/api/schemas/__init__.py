"""Response schemas of the HTTP interface, one module per resource.

Each model is validated once, where it is built. FastAPI serialises an instance without a second validation.
"""
