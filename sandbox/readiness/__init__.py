"""Whether a recorded run is evidence enough to go live with: questions, answers and reasons."""
