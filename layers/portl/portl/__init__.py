"""Portl's layer: what every Lambda function of the bundle shares."""
