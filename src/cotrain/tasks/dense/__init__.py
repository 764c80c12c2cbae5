"""Kinds of task whose targets lie in a picture: a class or a number a pixel, boxes."""
