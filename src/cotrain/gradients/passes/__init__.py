"""The four ways a step can go; which one it takes is chosen before it begins."""
