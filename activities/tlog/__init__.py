"""The transparency-log formats, byte for byte: RFC 9162 and C2SP, and nothing of Entente."""
