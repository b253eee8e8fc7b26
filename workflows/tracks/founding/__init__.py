"""Founding: parties adopt the definition, appoint their delegates, and amend what they adopted.

States: proposed → founded. Until all have adopted the definition's digest, the only acts are adopt, amend, decline
and withdraw a consent. Later amendments need every party again, and touch what they change, nothing else.
"""
