"""Who trains, who tests, how well, and how sure."""
