"""Risk register in the database: zones, points, checks of measures, live grades, templates, lists."""
