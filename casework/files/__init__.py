"""Sealed attachments of a case, and who had them in hand."""
