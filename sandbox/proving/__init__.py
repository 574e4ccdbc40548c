"""Conservation, proven: what went in is billed once, refused by a rule, or dead with a reason."""
