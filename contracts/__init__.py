"""What each vendor accepts and answers, as data, and the small code that reads it."""
