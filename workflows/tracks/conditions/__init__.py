"""Conditions precedent: agreed → evidence_submitted → verified.

Beside that: questioned, returned, disputed, waived, deferred, lapsed, revoked, removed. *Satisfied* is derived: a
fresh verdict or a waiver, and every dependency satisfied; a condition whose dependency falls keeps its verdict.
"""
