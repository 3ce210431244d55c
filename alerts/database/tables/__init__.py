"""Tables of the alert database, one module per part of it; `schema` has them all."""
