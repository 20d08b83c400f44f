"""What `portl doctor` looks at: one file for each kind of thing that may be in the way of a job."""
