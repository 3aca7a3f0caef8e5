"""Tests of agent/git."""
