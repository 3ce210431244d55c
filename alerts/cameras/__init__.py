"""Cameras of a site: one still on request, with a reason and an audit entry."""
