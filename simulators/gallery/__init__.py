"""Pictures of the scenario bank."""
