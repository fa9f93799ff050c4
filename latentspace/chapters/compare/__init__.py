"""Placeholder: to be written by whoever brings this chapter to its shape."""

from latentspace.chapters.figure import USE, Contents

CONTENTS: Contents = Contents(part=USE, flags={}, figures=(), recipes=dict)
