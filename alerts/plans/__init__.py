"""Plans of sites: floors, pictures, zone outlines, places, and positions of sensors."""
