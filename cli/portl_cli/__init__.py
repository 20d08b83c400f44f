"""Portl's tool: compiles jobs to state machines and runs them where there is no AWS."""
