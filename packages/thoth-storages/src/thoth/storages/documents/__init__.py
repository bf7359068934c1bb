"""Documents in an object store: a local folder, S3 and what speaks it, or memory."""
