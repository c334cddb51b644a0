"""Papers: the official forms as PDF and Word, and the register of what was printed and signed."""
