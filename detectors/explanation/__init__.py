"""Parts of explanations beside the reason: the change that would have prevented a detection."""
