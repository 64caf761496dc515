"""What each scorer measures, and what is contained of what one does wrong."""
