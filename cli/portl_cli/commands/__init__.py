"""The commands, one file each; the modules with an underscore are what they share."""
