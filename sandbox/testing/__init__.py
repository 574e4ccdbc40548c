"""What tests of others have of a sandbox: accounts over HTTP, and words for what went wrong."""
