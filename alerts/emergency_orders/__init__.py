"""Evacuation and lockdown as orders for zones of a site, each with its all-clear and its drill."""
